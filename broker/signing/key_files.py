"""Signing keys as files: one directory, one ``<kid>.pem`` each, readable by the broker alone."""

from collections.abc import Callable, Collection
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
Fingerprint = tuple[tuple[str, tuple[int, ...]], ...]

_NO_KEY: Final = "no unencrypted Ed25519 or P-256 private key in PEM"


def load_keys(directory: Path, only: Collection[str] | None = None) -> tuple[SigningKey, ...]:
    """Load every key of a directory, in the order of their names; or ``only`` those named.

    Raises:
        ConfigurationError: the directory or a file is open to others, a link, somebody else's or
            no key of ours; the message has one line for each.
    """
    check_directory(directory)
    keys: list[SigningKey] = []
    faults: list[str] = []
    for path in _files(directory):
        if only is not None and path.stem not in only:
            continue
        try:
            keys.append(_load(path))
        except ConfigurationError as error:
            faults.append(str(error))
    if faults:
        raise ConfigurationError("\n".join(faults))
    return tuple(keys)


def has_keys(directory: Path) -> bool:
    """Tell whether a directory holds any key: whether anything was ever signed from there."""
    return bool(_files(directory))


def key_file(directory: Path, kid: str) -> Path:
    """Return where the private half of a key must lie."""
    return directory / f"{kid}{_SUFFIX}"


def fingerprint(directory: Path) -> Fingerprint:
    """Return what changes when a key is brought, taken away, replaced, opened or closed to others.

    It costs no reading of keys. What cannot be looked at is left out.
    """
    found = ((path.name, _status(path)) for path in (directory, *_files(directory)))
    return tuple((name, status) for name, status in found if status)


def _status(path: Path) -> tuple[int, ...]:
    try:
        seen = path.lstat()
    except OSError:
        return ()
    return (
        seen.st_mode,
        seen.st_uid,
        seen.st_ino,
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
    )


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"[!.]*{_SUFFIX}"))


def generate(directory: Path, alg: str) -> SigningKey:
    """Make a key and write it; its name is its RFC 7638 thumbprint.

    A missing directory is made. The file is there whole or not at all.

    Raises:
        ConfigurationError: the directory is open to others, a link, or somebody else's.
        UnfitKeyError: ``alg`` is not one we sign with.
        OSError: it cannot be written.
    """
    private_key = plainly_named(lambda: new_private_key(alg))
    directory.mkdir(mode=0o700, exist_ok=True)
    check_directory(directory)
    key = SigningKey(thumbprint(private_key), private_key)
    write_private_key(key_file(directory, key.kid), private_key)
    return key


def plainly_named(make: Callable[[], PrivateKey]) -> PrivateKey:
    """Make keys until one is called so that no command takes its name for an option.

    One in sixty-four begins with a hyphen.
    """
    while thumbprint(key := make()).startswith("-"):
        pass
    return key


def read_private_key(path: Path) -> PrivateKey:
    """Read a private key from a PEM file.

    Raises:
        ConfigurationError: the file is open to others, a link, somebody else's or no key of ours.
    """
    data = read_private(path)
    try:
        loaded = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        loaded = None
    # Outside the handler: the library's error may quote the file.
    if not isinstance(loaded, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{path}: {_NO_KEY}")
    return loaded


def write_private_key(path: Path, private_key: PrivateKey) -> None:
    """Write a private key as a PEM file that only we can read.

    Raises:
        OSError: it cannot be written.
    """
    pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(path, pem)


def _load(path: Path) -> SigningKey:
    private_key = read_private_key(path)
    if KEY_ID.fullmatch(path.stem) is None:
        raise ConfigurationError(
            f"{path}: its name is no key id: use A-Z a-z 0-9 . _ : + = - before {_SUFFIX}"
        )
    try:
        return SigningKey(path.stem, private_key)
    except UnfitKeyError as error:
        raise ConfigurationError(f"{path}: {_NO_KEY}") from error
