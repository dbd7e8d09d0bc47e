"""Signs access tokens as the broker does, and anything else that a test wants to see refused."""

import base64
import json
from collections.abc import Mapping
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from broker.client.keys import FixedKeys, parse_key_set

ISSUER = "https://broker.example"
AUDIENCE = "https://orders.example"
NOW_MS = 1_800_000_000_500
"""Where the tokens' time begins; not a whole second, so that rounding shows."""

LEASE = "l_03_" + "a" * 26
ROOT = "t_03_" + "b" * 26
CHILD = "c_03_" + "c" * 26
ED_KID = "ed-1"
EC_KID = "ec-1"


@cache
def ed25519_key() -> Ed25519PrivateKey:
    """Return the broker's Ed25519 key, made once per run."""
    return Ed25519PrivateKey.generate()


@cache
def p256_key() -> ec.EllipticCurvePrivateKey:
    """Return the broker's P-256 key, made once per run."""
    return ec.generate_private_key(ec.SECP256R1())


def key_set() -> dict[str, list[dict[str, object]]]:
    """Return both public keys as a JWK set."""
    ed = OKPAlgorithm.to_jwk(ed25519_key().public_key(), as_dict=True)
    p256 = ECAlgorithm.to_jwk(p256_key().public_key(), as_dict=True)
    return {
        "keys": [
            {**ed, "kid": ED_KID, "alg": "EdDSA", "use": "sig"},
            {**p256, "kid": EC_KID, "alg": "ES256", "use": "sig"},
        ]
    }


def fixed_keys() -> FixedKeys:
    """Return both public keys as a key source."""
    return FixedKeys(parse_key_set(key_set()))


def claims(**changes: object) -> dict[str, object]:
    """Return the claims of a good token of a delegated task, changed as told.

    A value of ``...`` takes the claim away.
    """
    good: dict[str, object] = {
        "iss": ISSUER,
        "sub": "agent:helper",
        "aud": AUDIENCE,
        "exp": NOW_MS // 1000 + 300,
        "iat": NOW_MS // 1000,
        "jti": LEASE,
        "client_id": "helper",
        "scope": "orders:read orders:write",
        "task": CHILD,
        "path": [ROOT, CHILD],
        "agent": "helper",
        "instance": "pod-1",
        "capability": "orders-api",
        "tenant": "acme",
        "evidence_issuer": "https://ci.example",
        "act": {"sub": "agent:helper", "act": {"sub": "agent:planner"}},
        "iat_ms": NOW_MS,
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def token(*, kid: str = ED_KID, **changes: object) -> str:
    """Return a token with these claims, signed by the key of this name."""
    return sign(encode(claims(**changes)), kid=kid)


def sign(payload: bytes, *, kid: str = ED_KID, header: Mapping[str, object] | None = None) -> str:
    """Sign any payload under any header, by the broker's own key."""
    alg = "EdDSA" if kid == ED_KID else "ES256"
    head = {"alg": alg, "kid": kid, "typ": "at+jwt"} if header is None else header
    return sign_raw(encode(head), payload, kid=kid)


def sign_raw(header: bytes, payload: bytes, *, kid: str = ED_KID) -> str:
    """Sign any bytes at all."""
    signing_input = segment(header) + "." + segment(payload)
    return signing_input + "." + segment(signature(signing_input.encode(), kid=kid))


def signature(signing_input: bytes, *, kid: str = ED_KID) -> bytes:
    """Return the broker's signature over these bytes."""
    if kid == ED_KID:
        return ed25519_key().sign(signing_input)
    return ECAlgorithm(ECAlgorithm.SHA256).sign(signing_input, p256_key())


def encode(value: object) -> bytes:
    """Write JSON."""
    return json.dumps(value).encode()


def segment(data: bytes) -> str:
    """Write base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
