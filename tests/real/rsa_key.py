"""A private RSA key as a JWK, for a provider that wants its keys handed in."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


def rsa_jwk() -> dict[str, Any]:
    """Make a key of 2048 bits for RS256."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key))
    del made["key_ops"]  # it would be published, as what the public half is for
    return made | {"kid": "provider-1", "use": "sig", "alg": "RS256"}
