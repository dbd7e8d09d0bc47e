"""The signature algorithms we take, all asymmetric, each for one family of keys (B1, B23)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from jwt.algorithms import Algorithm, get_default_algorithms


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """An algorithm and the only keys that fit it (``kty`` and ``crv`` of RFC 7518, RFC 8037)."""

    name: str
    key_type: str
    curve: str
    primitive: Algorithm


def _table() -> Mapping[str, SignatureAlgorithm]:
    primitives = get_default_algorithms()
    families = {
        "ES256": ("EC", "P-256"),
        "ES384": ("EC", "P-384"),
        "EdDSA": ("OKP", "Ed25519"),
        **{f"{family}{bits}": ("RSA", "") for family in ("RS", "PS") for bits in (256, 384, 512)},
    }
    return MappingProxyType(
        {
            name: SignatureAlgorithm(name, key_type, curve, primitives[name])
            for name, (key_type, curve) in families.items()
        }
    )


ALGORITHMS: Final = _table()
"""By ``alg``. What is not here does not exist: no HMAC, no ``none``, no other curves."""
