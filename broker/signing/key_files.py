"""Signing keys as files: one directory, one ``<kid>.pem`` each, readable by the broker alone."""

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from broker.attestation.header import KEY_ID
from broker.errors import ConfigurationError
from broker.signing.key import PrivateKey, SigningKey, UnfitKeyError, new_private_key, thumbprint
from broker.signing.private_files import check_directory, read_private, write_private

_SUFFIX: Final = ".pem"


def load_keys(directory: Path) -> tuple[SigningKey, ...]:
    """Load every key of a directory, in the order of their names.

    Raises:
        ConfigurationError: the directory or a file is open to others, a link, somebody else's or
            no key of ours; the message has one line for each.
    """
    check_directory(directory)
    keys: list[SigningKey] = []
    faults: list[str] = []
    for path in sorted(directory.glob(f"[!.]*{_SUFFIX}")):
        try:
            keys.append(_load(path))
        except ConfigurationError as error:
            faults.append(str(error))
    if faults:
        raise ConfigurationError("\n".join(faults))
    return tuple(keys)


def generate(directory: Path, alg: str) -> SigningKey:
    """Make a key and write it; its name is its RFC 7638 thumbprint.

    A missing directory is made. The file is there whole or not at all.

    Raises:
        ConfigurationError: the directory is open to others, a link, or somebody else's.
        UnfitKeyError: ``alg`` is not one we sign with.
        OSError: it cannot be written.
    """
    private_key = new_private_key(alg)
    directory.mkdir(mode=0o700, exist_ok=True)
    check_directory(directory)
    key = SigningKey(thumbprint(private_key), private_key)
    write_private(directory / f"{key.kid}{_SUFFIX}", _to_pem(private_key))
    return key


def _load(path: Path) -> SigningKey:
    data = read_private(path)
    if KEY_ID.fullmatch(path.stem) is None:
        raise ConfigurationError(
            f"{path}: its name is no key id: use A-Z a-z 0-9 . _ : + = - before .pem"
        )
    try:
        return SigningKey(path.stem, _from_pem(data))
    except (UnfitKeyError, ValueError, TypeError, UnsupportedAlgorithm):
        # Not `from` the library's error: it may quote the file.
        fault = f"{path}: no unencrypted Ed25519 or P-256 private key in PEM"
    raise ConfigurationError(fault)


def _from_pem(data: bytes) -> PrivateKey:
    loaded = serialization.load_pem_private_key(data, password=None)
    if not isinstance(loaded, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise UnfitKeyError(type(loaded).__name__)
    return loaded


def _to_pem(private_key: PrivateKey) -> bytes:
    return private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
