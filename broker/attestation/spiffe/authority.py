"""Certificates as we take them from anybody: how strong, and in which place."""

import base64
import binascii
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

MAX_CERTIFICATE_BYTES: Final = 16 * 1024
"""Several times what real ones need."""

_RSA_BITS: Final = range(2048, 4096 + 1)
_CURVES: Final = frozenset({"secp256r1", "secp384r1"})
_DIGESTS: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class UnfitCertificateError(ValueError):
    """The certificate is not taken. The text is a constant and never echoes the input."""


def load_certificate(der: bytes) -> x509.Certificate:
    """Read one certificate and check what holds for every one: its key and its signature's digest.

    Raises:
        UnfitCertificateError: it is none, too long, or weak.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise UnfitCertificateError("certificate too long")
    try:
        certificate = x509.load_der_x509_certificate(der)
        _check_key(certificate)
        _check_digest(certificate)
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, UnfitCertificateError):
            raise
        raise UnfitCertificateError("not a certificate") from None
    return certificate


def load_authority(text: str) -> x509.Certificate:
    """Read an authority of a bundle: base64 of DER, as ``x5c`` has it (RFC 7517 §4.7).

    Raises:
        UnfitCertificateError: it is none, or may not sign certificates.
    """
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UnfitCertificateError("x5c is not base64") from None
    certificate = load_certificate(der)
    if not is_authority(certificate):
        raise UnfitCertificateError("not the certificate of an authority")
    return certificate


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether it says of itself that it may sign others (RFC 5280 §4.2.1.9)."""
    try:
        extensions = certificate.extensions
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False


def _check_key(certificate: x509.Certificate) -> None:
    if not _is_strong(certificate.public_key()):
        raise UnfitCertificateError("key of a kind or size that is not taken")


def _is_strong(key: object) -> bool:
    match key:
        case rsa.RSAPublicKey():
            return key.key_size in _RSA_BITS
        case ec.EllipticCurvePublicKey():
            return key.curve.name in _CURVES
        case _:
            return isinstance(key, ed25519.Ed25519PublicKey)


def _check_digest(certificate: x509.Certificate) -> None:
    """Refuse SHA-1 and older. Ed25519 has its digest inside, and names none."""
    digest = certificate.signature_hash_algorithm
    if digest is not None and not isinstance(digest, _DIGESTS):
        raise UnfitCertificateError("signed over a weak digest")
