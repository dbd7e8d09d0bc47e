"""Three readers of one token: ours, PyJWT as its manual advises to call it, and joserfc.

Each returns the claims when it accepts a token, or None.
"""

import asyncio
from typing import Final

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt
import pytest

from broker.attestation.compact import parse_compact
from broker.attestation.trusted_issuer import TrustedIssuer
from broker.clock import SystemClock
from broker.errors import AttestationError
from tests.fakes.attestation import AUDIENCE, ISSUER, honest_claims, trust
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import EC_256, ScriptedSource, Signer, encode, public_jwk

CLOCK: Final = FakeClock(SystemClock().now_ms())
NOW: Final = CLOCK.now_ms() // 1000
HEADER: Final = encode({"alg": "ES256", "kid": "k1", "typ": "JWT"})
LATER: Final = NOW + 6 * 3600
"""The others read this machine's clock: a token must outlive the whole run of the suite."""

CLAIMS: Final = encode(honest_claims(CLOCK, exp=LATER))
JOSERFC_KEY: Final = joserfc.jwk.import_key(public_jwk(EC_256, "k1", "ES256"))


def accepted_by_us(issuer: TrustedIssuer, token: str) -> dict[str, object] | None:
    """Return the claims when we accept the token."""
    try:
        parsed = parse_compact(token)
        verifying = issuer.verify(parsed)
        with pytest.raises(StopIteration):
            verifying.send(None)
    except AttestationError:
        return None
    return dict(parsed.unverified_claims)


def accepted_by_pyjwt(token: str) -> dict[str, object] | None:
    """Return the claims when PyJWT accepts the token, as its manual advises to call it."""
    try:
        return jwt.decode(
            token,
            EC_256.public_key(),
            algorithms=["ES256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=30,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def accepted_by_joserfc(token: str) -> dict[str, object] | None:
    """Return the claims when joserfc accepts the token."""
    try:
        decoded = joserfc.jwt.decode(token, JOSERFC_KEY, algorithms=["ES256"])
        joserfc.jwt.JWTClaimsRegistry(
            leeway=30,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
        ).validate(decoded.claims)
    except (joserfc.errors.JoseError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    return decoded.claims


def a_ready_issuer() -> TrustedIssuer:
    """Make a trusted issuer that has its keys."""
    trusted = trust(ScriptedSource(Signer().jwks()), CLOCK)
    asyncio.run(trusted.keys.refresh())
    return trusted
