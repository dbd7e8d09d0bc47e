"""One public key that verifies, read from one JWK (RFC 7517, RFC 7518 §6, RFC 8037).

A key carries its one algorithm for life: neither a token's header nor a caller chooses another
(B1, B2, RFC 8725 §3.1).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from broker.attestation.algorithms import ALGORITHMS, SignatureAlgorithm
from broker.attestation.header import KEY_ID
from broker.attestation.roca import is_guessable
from broker.proof.public_jwk import (
    SECRET_MEMBERS,
    Jwk,
    UnfitJwkError,
    built,
    octets,
    read_ec,
    read_ed25519,
)

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

_USES: Final = frozenset({"sig", "jwt-svid"})
"""``jwt-svid`` is what SPIFFE bundles say instead of ``sig``."""

_RSA_BITS: Final = range(2048, 4096 + 1)
"""A key of 16384 bits costs fourteen times the processor time of one of 2048 (M4)."""
_RSA_EXPONENTS: Final = range(65537, 2**32, 2)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, by the name its issuer gave it, with its one algorithm."""

    key_id: str
    algorithm: SignatureAlgorithm
    public_key: PublicKey

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether the signature over these bytes is by this key."""
        key: Any = self.public_key  # PyJWT types its primitives by no common key
        return self.algorithm.primitive.verify(signing_input, key, signature)


def key_id_of(member: object) -> str:
    """Return the name of a JWK.

    Raises:
        UnfitJwkError: it has none, or one that no token may name.
    """
    key_id = member.get("kid") if isinstance(member, Mapping) else None
    if not isinstance(key_id, str) or KEY_ID.fullmatch(key_id) is None:
        raise UnfitJwkError("kid missing or malformed")
    return key_id


def read_jwk(member: object, algorithms: Collection[str]) -> VerificationKey:
    """Read a public signing key that fits one of the algorithms.

    Raises:
        UnfitJwkError: it is something else, malformed or weak.
    """
    if not isinstance(member, Mapping):
        raise UnfitJwkError("not an object")
    if SECRET_MEMBERS & member.keys() or member.get("kty") == "oct":
        raise UnfitJwkError("private or symmetric")
    _check_use(member)
    algorithm = _choose_algorithm(member, algorithms)
    return VerificationKey(key_id_of(member), algorithm, _READERS[algorithm.key_type](member))


def _check_use(member: Jwk) -> None:
    use = member.get("use", "sig")
    operations = member.get("key_ops", ["verify"])
    if not isinstance(use, str) or use not in _USES:
        raise UnfitJwkError("not for signatures")
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnfitJwkError("not for verifying")


def _choose_algorithm(member: Jwk, algorithms: Collection[str]) -> SignatureAlgorithm:
    """Find the one declared algorithm that fits. Without ``alg`` an RSA key may fit several."""
    shape = (member.get("kty"), member.get("crv", ""))
    fitting = [
        algorithm
        for algorithm in map(ALGORITHMS.__getitem__, algorithms)
        if (algorithm.key_type, algorithm.curve) == shape
        and member.get("alg", algorithm.name) == algorithm.name
    ]
    if len(fitting) != 1:
        raise UnfitJwkError("alg ambiguous: the key names none" if fitting else "alg not declared")
    return fitting[0]


def _read_rsa(member: Jwk) -> rsa.RSAPublicKey:
    modulus = int.from_bytes(octets(member, "n"), "big")
    exponent = int.from_bytes(octets(member, "e"), "big")
    # Looked at before the library does any arithmetic with them.
    if modulus.bit_length() not in _RSA_BITS or modulus % 2 == 0:
        raise UnfitJwkError("RSA modulus not of 2048 to 4096 bits")
    if exponent not in _RSA_EXPONENTS:
        raise UnfitJwkError("RSA exponent not odd and at least 65537")
    if is_guessable(modulus):
        raise UnfitJwkError("RSA modulus whose factors can be guessed (CVE-2017-15361)")
    return built(rsa.RSAPublicNumbers(exponent, modulus).public_key)


_READERS: Final[Mapping[str, Callable[[Jwk], PublicKey]]] = {
    "RSA": _read_rsa,
    "EC": read_ec,
    "OKP": read_ed25519,
}
