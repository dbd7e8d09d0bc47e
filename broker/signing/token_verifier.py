"""Checks tokens that we signed (RFC 9068 §4).

Whether a token is still alive is the ledger's to say, by its own clock: ask :meth:`authenticate`
there, and :meth:`verify` only where there is no ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.attestation.compact import parse_compact
from broker.attestation.dates import read_date
from broker.attestation.header import check_header
from broker.attestation.reasons import Reason
from broker.errors import AttestationError
from broker.signing.key import SIGNING_ALGORITHMS, TOKEN_TYPE
from broker.signing.keyring import Keyring

_TEXTS: Final = ("iss", "aud", "sub", "client_id", "jti")
"""Required by RFC 9068 §2.2, and always one string in ours."""


@dataclass(frozen=True, slots=True)
class Authentic:
    """A token that we signed: its claims, and by which key."""

    claims: Mapping[str, object]
    key_id: str


class TokenVerifier:
    """Verifies access tokens of one issuer, ourselves."""

    def __init__(self, keyring: Keyring, *, issuer: str) -> None:
        self._keyring = keyring
        self._issuer = issuer

    def authenticate(self, token: str) -> Authentic:
        """Read a token that we signed, expired or not.

        Raises:
            AttestationError: it is none.
        """
        unverified = parse_compact(token)
        header = check_header(
            unverified.unverified_header, algorithms=SIGNING_ALGORITHMS, types=(TOKEN_TYPE,)
        )
        key = self._keyring.verifier(header.key_id)
        if key is None:
            raise AttestationError(Reason.UNKNOWN_KEY, "kid is not in the manifest")
        if key.algorithm.name != header.algorithm:
            raise AttestationError(Reason.ALGORITHM, "the key is for another alg")
        if not key.verifies(unverified.signing_input, unverified.signature):
            raise AttestationError(Reason.SIGNATURE, "the signature does not hold")
        claims = unverified.unverified_claims
        self._check_claims(claims)
        return Authentic(claims, header.key_id)

    def verify(self, token: str, now_ms: int) -> Mapping[str, object]:
        """Return the claims of a token that we signed and that has not expired.

        Raises:
            AttestationError: it is none.
        """
        claims = self.authenticate(token).claims
        if now_ms >= read_date(claims, "exp") * 1000:
            raise AttestationError(Reason.EXPIRED, "exp has passed")
        return claims

    def _check_claims(self, claims: Mapping[str, object]) -> None:
        if claims.get("iss") != self._issuer:
            raise AttestationError(Reason.UNTRUSTED_ISSUER, "iss is not ours")
        for name in _TEXTS:
            value = claims.get(name)
            if not isinstance(value, str) or not value:
                raise AttestationError(Reason.CLAIM_MISSING, f"{name} is missing")
        for name in ("exp", "iat"):
            read_date(claims, name)
