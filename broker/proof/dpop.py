"""DPoP proofs (RFC 9449): reading one strictly, and checking it against the request it came with.

The order is that of §4.3; a proof is remembered as used only after everything else holds, so that
nobody but the key's holder can use it up.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from broker import base64url, strict_json
from broker.clock import Clock
from broker.errors import InvalidRequestError
from broker.proof.confirmation import Binding, Confirmation
from broker.proof.nonces import DpopNonces
from broker.proof.public_jwk import (
    SECRET_MEMBERS,
    UnfitJwkError,
    read_ec,
    read_ed25519,
    thumbprint_of,
)
from broker.proof.replays import Replays, ReplaysFullError
from broker.proof.target import same_target

PROOF_ALGORITHMS: Final = ("ES256", "EdDSA")
"""What proofs may be signed by. No HMAC, no ``none``, no RSA, whose keys are large."""

PROOF_TYPE: Final = "dpop+jwt"

MAX_PROOF_CHARS: Final = 4096
"""Counted before anything is decoded."""

MAX_AGE_MS: Final = 60_000
"""How old a proof may be: it is made for one request, on a machine whose clock is about right."""

MAX_AHEAD_MS: Final = 30_000
"""How far in the future: the skew that our verifiers bear elsewhere."""

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_LAST_SECOND: Final = 253_402_300_799
_EC: Final = ECAlgorithm(ECAlgorithm.SHA256)
_OKP: Final = OKPAlgorithm()


_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class ProofError(ValueError):
    """The proof is refused. The text is a constant and never echoes the input."""


class NonceError(ProofError):
    """The proof has no nonce, or one that is not ours or too old; ``nonce`` is the one to use."""

    def __init__(self, nonce: str) -> None:
        super().__init__("the proof needs the nonce that DPoP-Nonce holds")
        self.nonce = nonce


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    typ: str
    alg: Literal["ES256", "EdDSA"]
    jwk: dict[str, object]


class _Claims(msgspec.Struct, frozen=True):
    jti: str
    htm: str
    htu: str
    iat: int
    ath: str | None = None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class SignedProof:
    """A proof whose signature is by the key that it shows. What it is for is not checked."""

    key: Confirmation
    token_id: str = field(repr=False)
    method: str
    url: str
    issued_at_s: int
    token_hash: str | None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The request that a proof must be for. ``url`` comes from configuration, not from ``Host``."""

    method: str
    url: str


class ProofChecker:
    """Accepts each proof once, for the request it was made for, shortly after it was made."""

    def __init__(self, clock: Clock, replays: Replays, nonces: DpopNonces | None = None) -> None:
        """Fix what proofs are checked by; with ``nonces``, each proof needs one of them."""
        self._clock = clock
        self._replays = replays
        self._nonces = nonces

    async def check(
        self,
        text: str,
        target: Target,
        *,
        token: str,
        demands_hash: bool = True,
        wanted: Confirmation | None = None,
    ) -> Confirmation:
        """Check a proof; return the key that its sender holds.

        Args:
            text: the one ``DPoP`` header.
            target: the request that it came with.
            token: the token that it came with.
            demands_hash: whether the proof must name the token (``ath``); a wrong name is refused
                in any case.
            wanted: the only key that will do, if any.

        Raises:
            NonceError: all else may be right, and it has no nonce of ours that is good now.
            ProofError: it is refused.
        """
        proof = read_proof(text)
        if wanted is not None and not proof.key.is_same(wanted):
            raise ProofError("the token is bound to another key")
        self._check_claims(proof, target)
        if proof.token_hash is None and demands_hash:
            raise ProofError("ath is missing")
        if proof.token_hash not in {None, hash_of(token)}:
            raise ProofError("ath is another token's")
        self._check_nonce(proof)
        await self._use_up(proof)
        return proof.key

    def _check_nonce(self, proof: SignedProof) -> None:
        """Hold a proof to §8: before it is used up, for it may have to be made anew."""
        if self._nonces is None:
            return
        if proof.nonce is None or not self._nonces.is_good(proof.nonce):
            raise NonceError(self._nonces.newest())

    def _check_claims(self, proof: SignedProof, target: Target) -> None:
        if proof.method != target.method:
            raise ProofError("htm is another method")
        if not same_target(proof.url, target.url):
            raise ProofError("htu is another URL")
        age_ms = self._clock.now_ms() - proof.issued_at_s * 1000
        if not -MAX_AHEAD_MS <= age_ms < MAX_AGE_MS:
            raise ProofError("iat is too long ago, or in the future")

    async def _use_up(self, proof: SignedProof) -> None:
        try:
            is_first = await self._replays.is_first(proof.key.thumbprint, hash_of(proof.token_id))
        except ReplaysFullError as error:
            raise ProofError("too many proofs of this key: slow down") from error
        if not is_first:
            raise ProofError("the proof was used before: make a new one for each request")


def hash_of(token: str) -> str:
    """Return the ``ath`` of a token (§4.2)."""
    return base64url.encode(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest())


def read_proof(text: str) -> SignedProof:
    """Read a proof, and check its signature by the key that it shows.

    Raises:
        ProofError: it is no strict compact JWS of the type, or not signed by that key.
    """
    if len(text) > MAX_PROOF_CHARS:
        raise ProofError("the proof is too long")
    shape = _COMPACT.fullmatch(text)
    if shape is None:
        raise ProofError("not three base64url segments")
    header = _read(shape[1], _Header, "header is not exactly typ, alg and jwk")
    if header.typ.lower() != PROOF_TYPE:
        raise ProofError("typ is not dpop+jwt")
    key = _verified(header, text[: shape.end(2)].encode(), _bytes(shape[3]))
    claims = _read(shape[2], _Claims, "jti, htm, htu or iat is missing or malformed")
    if not (claims.jti and 0 < claims.iat <= _LAST_SECOND):
        raise ProofError("jti is empty, or iat no date")
    return SignedProof(
        key, claims.jti, claims.htm, claims.htu, claims.iat, claims.ath, claims.nonce
    )


def _verified(header: _Header, signing_input: bytes, signature: bytes) -> Confirmation:
    try:
        is_good = _verifies(header, signing_input, signature)
    except UnfitJwkError as error:
        raise ProofError(f"jwk: {error}") from None
    if not is_good:
        raise ProofError("the signature is not by the key in jwk")
    return Confirmation(Binding.DPOP, thumbprint_of(header.jwk))


def _verifies(header: _Header, signing_input: bytes, signature: bytes) -> bool:
    """Check the signature. The family of the key follows from ``alg``, and nothing else does."""
    jwk: Mapping[str, object] = header.jwk
    if SECRET_MEMBERS & jwk.keys():
        raise UnfitJwkError("a private key: it is no secret any more")
    if jwk.get("alg", header.alg) != header.alg or jwk.get("use", "sig") != "sig":
        raise UnfitJwkError("for another alg or use")
    kind = (jwk.get("kty"), jwk.get("crv"))
    if header.alg == "ES256" and kind == ("EC", "P-256"):
        point: ec.EllipticCurvePublicKey = read_ec(jwk)
        return _EC.verify(signing_input, point, signature)
    if header.alg == "EdDSA" and kind == ("OKP", "Ed25519"):
        edwards: ed25519.Ed25519PublicKey = read_ed25519(jwk)
        return _OKP.verify(signing_input, edwards, signature)
    raise UnfitJwkError("not a key for alg")


def _read(segment: str, shape: type[_Shape], fault: str) -> _Shape:
    try:
        value = strict_json.loads_object(_bytes(segment), max_bytes=MAX_PROOF_CHARS)
        return msgspec.convert(value, shape)
    except (InvalidRequestError, msgspec.ValidationError):
        raise ProofError(fault) from None


def _bytes(segment: str) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError:
        raise ProofError("not canonical base64url") from None
