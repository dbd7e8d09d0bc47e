"""Public keys of the broker: each carries its one algorithm, and only two algorithms exist.

A key's algorithm follows from its type, never from a token's header (RFC 8725 §3.1), and no
symmetric algorithm is known here at all, so a public key can never be taken for an HMAC secret.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from jwt.exceptions import InvalidKeyError

from broker.client.jose import is_key_id

MAX_KEYS: Final = 64
"""More members than any rotation needs; each costs a point check."""

_COORDINATE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""32 bytes in base64url without padding."""

_ECDSA: Final = ECAlgorithm(ECAlgorithm.SHA256)
_EDDSA: Final = OKPAlgorithm()


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One public key, its name, and the only algorithm it may verify."""

    kid: str
    alg: str
    public: Ed25519PublicKey | EllipticCurvePublicKey = field(repr=False)

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this key's over these bytes."""
        if isinstance(self.public, Ed25519PublicKey):
            return _EDDSA.verify(signing_input, self.public, signature)
        return _ECDSA.verify(signing_input, self.public, signature)


class KeySource(Protocol):
    """Where a verifier finds keys."""

    async def find(self, kid: str) -> VerificationKey | None:
        """Return the issuer's key of this name, or None when it has none.

        Raises:
            KeysUnavailableError: no set is known, or the known one is older than allowed.
        """
        ...


class FixedKeys:
    """Keys that are known beforehand and never change."""

    def __init__(self, keys: Mapping[str, VerificationKey]) -> None:
        self._keys = dict(keys)

    async def find(self, kid: str) -> VerificationKey | None:
        """Return the key of this name, or None."""
        return self._keys.get(kid)


def parse_key_set(document: object) -> dict[str, VerificationKey]:
    """Read a JWK set (RFC 7517 §5).

    A member that is not one of our public signing keys is left out without spoiling the others; a
    name that occurs twice is left out altogether, because nobody can tell which one is meant.

    Raises:
        ValueError: the document is no JWK set, or nothing usable is in it.
    """
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        raise ValueError("not a JWK set")
    parsed = [key for key in map(_parse_member, members) if key is not None]
    names = [member.get("kid") for member in members if isinstance(member, dict)]
    usable = {key.kid: key for key in parsed if names.count(key.kid) == 1}
    if not usable:
        raise ValueError("no usable key in the JWK set")
    return usable


def _parse_member(member: object) -> VerificationKey | None:
    if not isinstance(member, dict) or not _is_for_verifying(member):
        return None
    try:
        return _parse_key(member)
    except (InvalidKeyError, ValueError, UnsupportedAlgorithm):
        return None


def _is_for_verifying(member: Mapping[str, object]) -> bool:
    kid = member.get("kid")
    operations = member.get("key_ops", ["verify"])
    return (
        isinstance(kid, str)
        and is_key_id(kid)
        and member.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in member  # a set that shows a private key has given that key away
    )


def _parse_key(member: Mapping[str, object]) -> VerificationKey | None:
    kind = (member.get("kty"), member.get("crv"))
    alg, kid = member.get("alg"), str(member["kid"])
    if kind == ("OKP", "Ed25519") and alg in (None, "EdDSA", "Ed25519"):
        okp = OKPAlgorithm.from_jwk(_only(member, "kty", "crv", "x"))
        return VerificationKey(kid, "EdDSA", okp) if isinstance(okp, Ed25519PublicKey) else None
    if kind == ("EC", "P-256") and alg in (None, "ES256"):
        curve = ECAlgorithm.from_jwk(_only(member, "kty", "crv", "x", "y"))
        if isinstance(curve, EllipticCurvePublicKey):
            return VerificationKey(kid, "ES256", curve)
    return None


def _only(member: Mapping[str, object], *names: str) -> dict[str, object]:
    chosen = {name: member.get(name) for name in names}
    for name in ("x", "y"):
        value = chosen.get(name, "A" * 43)
        if not isinstance(value, str) or _COORDINATE.fullmatch(value) is None:
            raise ValueError("not a coordinate of 32 bytes")
    return chosen
