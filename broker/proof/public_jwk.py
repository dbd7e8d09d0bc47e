"""Public keys of two small families, read from a JWK (RFC 7518 §6.2, RFC 8037 §2)."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from broker import base64url

_Key = TypeVar("_Key")

Jwk = Mapping[str, object]

SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Who shows one of these has given the key away."""

_CURVES: Final[Mapping[str, tuple[ec.EllipticCurve, int]]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
}

_PRIME: Final = 2**255 - 19
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER: Final = frozenset({0, 1, _PRIME - 1, _PRIME, _PRIME + 1, _ORDER_8, _PRIME - _ORDER_8})
"""The y coordinates of the Ed25519 points of small order, in each spelling of 255 bits: under such
a key one signature passes for many messages."""


class UnfitJwkError(ValueError):
    """This JWK is not taken. The text is one of a few constants and never echoes the input."""


def read_ec(member: Jwk) -> ec.EllipticCurvePublicKey:
    """Read a point on P-256 or P-384.

    Raises:
        UnfitJwkError: it is malformed, or not on the curve.
    """
    curve, size = _CURVES[str(member["crv"])]
    x, y = octets(member, "x"), octets(member, "y")
    if len(x) != size or len(y) != size:
        raise UnfitJwkError("coordinates of the wrong length")
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve
    )
    return built(numbers.public_key)  # refuses points that are not on the curve


def read_ed25519(member: Jwk) -> ed25519.Ed25519PublicKey:
    """Read an Ed25519 key.

    Raises:
        UnfitJwkError: it is malformed, or a point of small order.
    """
    point = octets(member, "x")
    if int.from_bytes(point, "little") % 2**255 in _SMALL_ORDER:
        raise UnfitJwkError("point of small order")
    return built(lambda: ed25519.Ed25519PublicKey.from_public_bytes(point))


def thumbprint_of(jwk: Mapping[str, object]) -> str:
    """Name a public key by what it is: the hash of its required members (RFC 7638 §3)."""
    required = {name: jwk[name] for name in ("crv", "kty", "x", "y") if name in jwk}
    return base64url.encode(hashlib.sha256(msgspec.json.encode(required)).digest())


def built(build: Callable[[], _Key]) -> _Key:
    """Let the library build a key.

    Raises:
        UnfitJwkError: there is no such key.
    """
    try:
        return build()
    except (ValueError, UnsupportedAlgorithm):
        raise UnfitJwkError("no such key") from None


def octets(member: Jwk, name: str) -> bytes:
    """Read one member's bytes.

    Raises:
        UnfitJwkError: it is missing, or no canonical base64url.
    """
    value = member.get(name)
    try:
        return base64url.decode(value if isinstance(value, str) else "=")
    except ValueError:
        raise UnfitJwkError(f"{name} missing or malformed") from None
