"""The one name of a piece of evidence, however it is spelt.

Single use is kept by this name, so it must be the same for everything that is the same evidence,
and nobody but its issuer can make two of one (M3, B20):

- a token with a ``jti`` is that ``jti`` of that issuer (RFC 7519 §4.1.7);
- another token is its header and claims as they were read: neither the signature, of which ECDSA
  lets anybody make a second one, nor the base64 text, which some readers take in several spellings;
- a certificate is what its authority signed (RFC 5280 §4.1.1.1), again without the signature.

The kinds are told apart within what is hashed: none can be passed off as another.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def name_of_token(
    issuer: str, header: Mapping[str, object], signed_claims: Mapping[str, object]
) -> str:
    """Name a verified token; ``issuer`` is the one whose keys have verified it."""
    jti = signed_claims.get("jti")
    if isinstance(jti, str) and jti:
        return _hash("jti", issuer, jti)
    return _hash("signed", issuer, header, signed_claims)


def name_of_certificate(issuer: str, signed: bytes) -> str:
    """Name a verified certificate by its ``tbsCertificate`` in DER."""
    return _hash("certificate", issuer, hashlib.sha256(signed).hexdigest())


def _hash(*parts: object) -> str:
    return hashlib.sha256(_ENCODER.encode(parts)).hexdigest()
