"""What a verified access token says (``docs/architecture.md``, "Access token").

Every claim is declared here with its type, and every one is required: a token that lacks one was
not made by this broker. The claims must also agree with each other; a signature is no excuse for a
contradiction.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from broker.client.errors import TokenMalformedError
from broker.errors import InvalidRequestError
from broker.ids import MAX_DEPTH, LeaseId, TaskId, is_root, lease_of, parse_task_id
from broker.proof.confirmation import Confirmation, ConfirmationError, read_claim
from broker.text import parse_text

LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999: RFC 3339 has no later one."""

MAX_NAME_CHARS: Final = 1024
"""No name in a token is longer: they end up in the resource server's log."""

RESTRICTING_CLAIMS: Final = frozenset({"nbf", "authorization_details"})
"""Claims that narrow a token. This verifier cannot check them, so it refuses who carries one."""

_GENERATION: Final = re.compile(r"(\.([2-9]|[1-9][0-9]{1,8}))?", re.ASCII)
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)
"""RFC 6749 §3.3."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """An access token whose signature, issuer, audience, age and liveness were checked.

    ``path`` runs from the root task to ``task``; ``actors`` names the agents of the delegation in
    the same direction, so that ``actors[-1]`` is ``agent``. ``jti`` names this one token, ``lease``
    all tokens of the same grant. Instants are milliseconds of the ledger's clock.
    """

    issuer: str
    audience: str
    subject: str
    agent: str
    instance: str
    tenant: str
    task: TaskId
    path: tuple[TaskId, ...]
    capability: str
    scopes: frozenset[str]
    jti: str
    lease: LeaseId
    actors: tuple[str, ...]
    evidence_issuer: str
    issued_at_ms: int
    expires_at_ms: int
    key_id: str = ""
    """The key whose signature was verified (``kid``)."""
    confirmation: Confirmation | None = None
    """The key that it is bound to; the verifier has checked that the request holds it."""

    @property
    def on_behalf_of(self) -> str:
        """Whom the agent acts for; empty when it acts for itself."""
        kind, _, name = self.subject.partition(":")
        return name if kind in {"user", "person"} else ""

    @property
    def delegated_by(self) -> str:
        """The person who lends a right of hers by her own word, ``person:dana``; empty otherwise.

        Where this is empty, :attr:`on_behalf_of` is only what whoever opened the task has said.
        """
        return self.subject if self.subject.startswith("person:") and self.on_behalf_of else ""


class _Actor(msgspec.Struct, frozen=True):
    sub: str
    act: "_Actor | None" = None


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str
    client_id: str
    scope: str
    task: str
    path: list[str]
    agent: str
    instance: str
    capability: str
    tenant: str
    evidence_issuer: str
    act: _Actor
    iat_ms: int


def read_claims(signed: Mapping[str, object], key_id: str = "") -> VerifiedToken:
    """Read the claims of a token whose signature has been verified, by the key that is named.

    Raises:
        TokenMalformedError: a claim is missing, of the wrong type, or contradicts another.
    """
    if not RESTRICTING_CLAIMS.isdisjoint(signed):
        raise TokenMalformedError("the token is restricted in a way that cannot be checked here")
    try:
        claims = msgspec.convert(signed, _Claims)
        token = replace(_token(claims, key_id), confirmation=_confirmation(signed))
        for field, name in _names(token):
            parse_text(name, field=field, max_length=MAX_NAME_CHARS)
    except (msgspec.ValidationError, InvalidRequestError, ConfirmationError) as error:
        raise TokenMalformedError(str(error)) from error
    for problem in _contradictions(claims, token):
        raise TokenMalformedError(problem)
    return token


def _confirmation(signed: Mapping[str, object]) -> Confirmation | None:
    return read_claim(signed["cnf"]) if "cnf" in signed else None


def _token(claims: _Claims, key_id: str) -> VerifiedToken:
    return VerifiedToken(
        issuer=claims.iss,
        audience=claims.aud,
        subject=claims.sub,
        agent=claims.agent,
        instance=claims.instance,
        tenant=claims.tenant,
        task=parse_task_id(claims.task),
        path=tuple(parse_task_id(step, field="path") for step in claims.path),
        capability=claims.capability,
        scopes=_scopes(claims.scope),
        jti=claims.jti,
        lease=lease_of(claims.jti),
        actors=tuple(_actors(claims.act))[::-1],
        evidence_issuer=claims.evidence_issuer,
        issued_at_ms=claims.iat_ms,
        expires_at_ms=claims.exp * 1000,
        key_id=key_id,
    )


def _contradictions(claims: _Claims, token: VerifiedToken) -> Iterator[str]:
    if not _is_path(token.path) or token.path[-1] != token.task:
        yield "the path does not lead from a root to the task"
    if claims.client_id != token.agent or token.actors[-1] != token.agent:
        yield "client_id, act and agent name different agents"
    if token.subject != f"agent:{token.agent}" and not token.on_behalf_of:
        yield "the subject is neither the agent nor a user or person"
    if not 0 < claims.iat <= claims.exp <= LAST_SECOND:
        yield "iat and exp are out of order"
    if abs(claims.iat_ms - claims.iat * 1000) >= 1000:  # noqa: PLR2004  a second has 1000 ms
        yield "iat and iat_ms differ"
    if _GENERATION.fullmatch(token.jti.removeprefix(token.lease)) is None:
        yield "the jti names no generation of its lease"


def _is_path(path: tuple[TaskId, ...]) -> bool:
    return (
        0 < len(path) <= MAX_DEPTH
        and len(set(path)) == len(path)
        and [is_root(step) for step in path] == [True] + [False] * (len(path) - 1)
    )


def _names(token: VerifiedToken) -> Iterator[tuple[str, str]]:
    for field in ("agent", "instance", "tenant", "capability", "subject", "evidence_issuer"):
        yield field, getattr(token, field)
    for actor in token.actors:
        yield "act", actor


def _actors(actor: _Actor) -> Iterator[str]:
    step: _Actor | None = actor
    for _ in range(MAX_DEPTH):
        if step is None:
            return
        kind, _, name = step.sub.partition(":")
        if kind != "agent":
            raise TokenMalformedError("an actor is no agent")
        yield name
        step = step.act
    if step is not None:
        raise TokenMalformedError("the act chain is too long")


def _scopes(text: str) -> frozenset[str]:
    words = text.split(" ") if text else []
    if not all(map(_SCOPE.fullmatch, words)):
        raise TokenMalformedError("the scope claim is not well-formed")
    return frozenset(words)
