"""One key that signs our tokens.

The same claims signed twice give the same bytes (EdDSA is deterministic, ES256 is made so by
RFC 6979): a repeated request gets its token again although no token is stored anywhere (DESIGN §4).
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwt.utils import der_to_raw_signature

from broker import base64url
from broker.attestation.algorithms import ALGORITHMS
from broker.proof.public_jwk import thumbprint_of
from broker.secret import Secret

SIGNING_ALGORITHMS: Final = ("EdDSA", "ES256")
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - RFC 9068's media type, no password
LOGIN_TYPE: Final = "JWT"
"""Of tokens by which the broker logs in somewhere; no verifier of access tokens takes it."""
ANSWER_TYPE: Final = "review-answer+jwt"
"""Of statements on what a reviewer has answered: no tokens, and no verifier takes them for one."""

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey

_DERIVED_BYTES: Final = 32
"""Also the length of either kind of private key."""

_CURVE: Final = ec.SECP256R1()
_ECDSA: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class UnfitKeyError(ValueError):
    """This private key is not of a kind that signs our tokens."""


class SigningKey:
    """A private key with its name. ``jwk`` is its public half, as the manifest publishes it."""

    def __init__(self, kid: str, private_key: PrivateKey, *, token_type: str = TOKEN_TYPE) -> None:
        self.kid = kid
        self.alg, self._signature = _bind(private_key)
        self.jwk: Mapping[str, str] = {
            **_public_members(private_key),
            "kid": kid,
            "alg": self.alg,
            "use": "sig",
        }
        self.nonce_key = _derived(private_key, b"jit-broker dpop nonce key 1")
        # The same for every token of this key, so it is encoded once.
        self._prefix = self._prefix_of(token_type)
        self._login_prefix = self._prefix_of(LOGIN_TYPE)

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r}, alg={self.alg!r})"

    def sign(self, claims: Mapping[str, object]) -> Secret:
        """Sign claims, in the order in which they are given, as a compact token (RFC 7515)."""
        return self._sealed(self._prefix, claims)

    def sign_login(self, claims: Mapping[str, object]) -> Secret:
        """Sign a token that is no access token: its type says so (RFC 8725 §3.11)."""
        return self._sealed(self._login_prefix, claims)

    def sign_answer(self, claims: Mapping[str, object]) -> str:
        """Sign a statement on what a reviewer has answered; it opens nothing: no secret."""
        return self._sealed(self._prefix_of(ANSWER_TYPE), claims).reveal()

    def _prefix_of(self, token_type: str) -> str:
        return _encode({"alg": self.alg, "kid": self.kid, "typ": token_type}) + "."

    def _sealed(self, prefix: str, claims: Mapping[str, object]) -> Secret:
        signing_input = prefix + _encode(claims)
        return Secret(
            f"{signing_input}.{base64url.encode(self._signature(signing_input.encode()))}"
        )


def thumbprint(private_key: PrivateKey) -> str:
    """Name a key by what it is (RFC 7638)."""
    return thumbprint_of(_public_members(private_key))


def new_private_key(alg: str) -> PrivateKey:
    """Make a private key.

    Raises:
        UnfitKeyError: ``alg`` is none of ``SIGNING_ALGORITHMS``.
    """
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if alg == "ES256":
        return ec.generate_private_key(_CURVE)
    raise UnfitKeyError(f"{alg!r}: choose one of {', '.join(SIGNING_ALGORITHMS)}")


def _bind(private_key: PrivateKey) -> tuple[str, Callable[[bytes], bytes]]:
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return "EdDSA", private_key.sign
    if private_key.curve.name == _CURVE.name:
        return "ES256", lambda data: der_to_raw_signature(private_key.sign(data, _ECDSA), _CURVE)
    raise UnfitKeyError("neither an Ed25519 nor a P-256 key")


def _derived(private_key: PrivateKey, purpose: bytes) -> bytes:
    """Derive another key for one purpose (RFC 5869): whoever has it learns nothing of this one."""
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        secret = private_key.private_bytes_raw()
    else:
        secret = private_key.private_numbers().private_value.to_bytes(_DERIVED_BYTES, "big")
    return HKDF(hashes.SHA256(), _DERIVED_BYTES, salt=None, info=purpose).derive(secret)


def _public_members(private_key: PrivateKey) -> dict[str, str]:
    alg, _ = _bind(private_key)
    return dict(ALGORITHMS[alg].primitive.to_jwk(private_key.public_key(), as_dict=True))


def _encode(value: Mapping[str, object]) -> str:
    return base64url.encode(msgspec.json.encode(dict(value)))
