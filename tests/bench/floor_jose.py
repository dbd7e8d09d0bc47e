"""The floor's JOSE: the two algorithms in use, written out, and no more checks than it takes."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from broker.clock import SystemClock
from broker.signing.key import PrivateKey

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], None]

_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.decode


class Jose:
    """The two algorithms, written out: ES256 for who asks, ours for what is issued."""

    def __init__(self, workload: ec.EllipticCurvePublicKey, issuer: str, own: PrivateKey) -> None:
        self._workload = workload
        self._issuer = issuer
        self._now_ms = SystemClock().now_ms
        alg = "EdDSA" if isinstance(own, ed25519.Ed25519PrivateKey) else "ES256"
        header = {"alg": alg, "kid": "floor", "typ": "at+jwt"}
        self._prefix = _b64(_encode(header)) + b"."
        self._sign, self._verify = _bound(own)

    def caller(self, token: bytes) -> Mapping[str, Any]:
        """Verify a workload token; return its claims."""
        claims = self._opened(token, "ES256", lambda s, m: _verify_es256(self._workload, s, m))
        now_s = self._now_ms() / 1000
        if claims["iss"] != self._issuer or claims["aud"] != "jit-broker":
            raise ValueError("a token of somebody else, or for somebody else")
        if not claims["nbf"] <= now_s + 5 or now_s >= claims["exp"]:
            raise ValueError("a token of another time")
        return claims

    def own(self, token: bytes) -> Mapping[str, Any]:
        """Verify a token of ours; return its claims."""
        if not token.startswith(self._prefix):
            raise ValueError("no token of ours")
        return self._opened(token, None, self._verify)

    def signed(self, claims: Mapping[str, Any]) -> str:
        """Sign a token."""
        signing_input = self._prefix + _b64(_encode(claims))
        return (signing_input + b"." + _b64(self._sign(signing_input))).decode()

    @staticmethod
    def _opened(
        token: bytes, alg: str | None, verify: Callable[[bytes, bytes], None]
    ) -> Mapping[str, Any]:
        signing_input, _, signature = token.rpartition(b".")
        header, _, payload = signing_input.partition(b".")
        if alg is not None and _decode(_unb64(header))["alg"] != alg:
            raise ValueError("another algorithm")
        verify(_unb64(signature), signing_input)
        claims: Mapping[str, Any] = _decode(_unb64(payload))
        return claims


def _bound(
    key: PrivateKey,
) -> tuple[Callable[[bytes], bytes], Callable[[bytes, bytes], None]]:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign, key.public_key().verify
    public = key.public_key()
    return (lambda m: _raw(key.sign(m, _ECDSA))), (lambda s, m: _verify_es256(public, s, m))


def _raw(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _verify_es256(key: ec.EllipticCurvePublicKey, raw: bytes, message: bytes) -> None:
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key.verify(encode_dss_signature(r, s), message, _ECDSA)


def _b64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _unb64(data: bytes) -> bytes:
    return urlsafe_b64decode(data + b"==")
