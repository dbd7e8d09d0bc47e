"""A client certificate with its key, and where it comes from: files that rotate.

A source is asked before every request, as a token source is, so that whoever rotates the files (a
SPIFFE helper, cert-manager, a sidecar) has to tell nobody. :mod:`broker.client.workload_api` has
the source that needs no files.
"""

import asyncio
import hashlib
import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from broker.client.certificate_errors import (
    CertificateSourceError,
    CertificateUnfitError,
    KeyEncryptedError,
    KeyExposedError,
)
from broker.proof.confirmation import of_certificate
from broker.secret import Secret

MAX_BYTES: Final = 64 * 1024
"""A chain of five certificates takes a tenth of it."""

_ENCRYPTED: Final = "ENCRYPTED"
"""What PEM says of a key that is: in its label, or in ``Proc-Type`` (RFC 1421 §4.6.1.1)."""

# NONBLOCK: a pipe in place of the file must not stop the program.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_NOT_OTHERS: Final = 0o077
_NOT_BEYOND_GROUP_READ: Final = 0o037


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate chain in PEM, the leaf first, and the leaf's private key, not encrypted."""

    chain: str
    key: Secret = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What tells it from another one."""
        return hashlib.sha256(f"{self.chain}\0{self.key.reveal()}".encode()).digest()

    @property
    def thumbprint(self) -> str:
        """Return what a credential that is bound to it names (``cnf.x5t#S256``, RFC 8705 §3.1).

        Raises:
            CertificateUnfitError: there is no certificate in it.
        """
        try:
            leaf = x509.load_pem_x509_certificate(self.chain.encode())
        except ValueError:
            raise CertificateUnfitError("there is no certificate in PEM") from None
        return of_certificate(leaf.public_bytes(Encoding.DER)).thumbprint


CertificateSource = Callable[[], Awaitable[KeyPair]]
"""Returns the certificate that is good now. It is asked before every request."""


def certificate_files(
    cert_file: Path, key_file: Path | None = None, *, passphrase: Secret | None = None
) -> CertificateSource:
    """Return a source that reads a certificate and its key each time, because they rotate.

    Args:
        cert_file: the chain in PEM, the leaf first.
        key_file: its private key in PEM; by default it is in ``cert_file``, too.
        passphrase: opens the key, if it is encrypted.

    The source raises :class:`CertificateSourceError`: a file cannot be read, the key is open to
    others (:class:`KeyExposedError`) or stays closed to us (:class:`KeyEncryptedError`).
    """

    def read() -> KeyPair:
        key = _private_text(key_file or cert_file)
        chain = _text(cert_file) if key_file is not None else key
        return KeyPair(chain, opened(key, passphrase, str(key_file or cert_file)))

    async def ask() -> KeyPair:
        return await asyncio.to_thread(read)

    return ask


def opened(key: str, passphrase: Secret | None, where: str) -> Secret:
    """Return a private key in PEM as one that is not encrypted.

    Raises:
        KeyEncryptedError: it is encrypted, and the passphrase is missing or another one.
    """
    if _ENCRYPTED not in key:
        return Secret(key)
    if passphrase is None:
        raise KeyEncryptedError(f"{where}: the key is encrypted, and no passphrase is given")
    try:
        private = load_pem_private_key(key.encode(), passphrase.reveal().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyEncryptedError(f"{where}: the passphrase does not open the key") from None
    plain = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Secret(plain.decode())


def exposure(found: os.stat_result, euid: int) -> str:
    """Tell who else could read a key file, or change it; empty when nobody could.

    Other than the broker's own keys it may be a symbolic link, as mounted volumes have them, and
    root's with a group that may read, as Kubernetes hands secrets to a pod that is not root.
    """
    if found.st_uid not in {euid, 0}:
        return f"it belongs to user {found.st_uid}"
    is_ours = found.st_uid == euid
    if found.st_mode & (_NOT_OTHERS if is_ours else _NOT_BEYOND_GROUP_READ):
        return f"its mode is {stat.S_IMODE(found.st_mode):03o}"
    return ""


def _private_text(path: Path) -> str:
    return _read(path, is_private=True)


def _text(path: Path) -> str:
    return _read(path, is_private=False)


def _read(path: Path, *, is_private: bool) -> str:
    try:
        descriptor = os.open(path, _READ)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if is_private and (why := exposure(found, os.geteuid())):
                raise KeyExposedError(f"{path} is open to others: {why}")
            data = file.read(MAX_BYTES + 1) if stat.S_ISREG(found.st_mode) else b""
    except OSError as error:
        raise CertificateSourceError(f"{path} cannot be read: {error.strerror}") from None
    if not data or len(data) > MAX_BYTES:
        raise CertificateUnfitError(f"{path} is empty, too long, or no file")
    return data.decode("latin-1")
