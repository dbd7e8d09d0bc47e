"""Answering others: may this credential, agent or task do this now?

- Resource servers and operators ask, each within its tenants; a server about what is meant for it.
- Of a *credential* the ledger's judge answers: alive, for this server, with these scopes.
- Of an *agent*, *orchestrator*, *person* or *task* policy answers, as it would answer a request
  that comes now. Nothing is given, used up or recorded by it.
- Absent and foreign look the same. What nobody can say is not permitted.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from broker.attestation.dates import read_date
from broker.errors import (
    AccessDeniedError,
    AttestationError,
    BrokerError,
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)
from broker.gate import Gate
from broker.governance.published import Published
from broker.hypotheses import Hypotheses
from broker.ids import TaskId, lease_of, parse_task_id
from broker.model.evaluation import Asked, Evaluated, Evaluation, Semantic
from broker.model.lease import Lease
from broker.model.principal import Kind, Principal
from broker.signing.token_verifier import TokenVerifier
from broker.store.lease_ledger import LeaseLedger
from broker.store.ledger import Ledger
from broker.text import parse_scope

USE: Final = "use"
"""The one action that a credential is asked about."""

SERVER: Final = "resource_server"
"""The type of resource that a credential is for; its id is the audience."""

MAX_EVALUATIONS: Final = 50
"""Questions in one call."""

_NOT_ACTIVE: Final = Evaluated.denied("not-active")
_TOKEN_DOTS: Final = 2
_STATUS: Final = ((InvalidRequestError, 400), (UnavailableError, 503))


class Replica(Protocol):
    """What this broker runs at the moment."""

    @property
    def published(self) -> Published:
        """The published revision."""
        ...

    @property
    def verifier(self) -> TokenVerifier:
        """The one over the published keys."""
        ...


class Evaluations:
    """Answers questions. ``verifier`` returns the one over the keys that are published now."""

    def __init__(
        self, verifier: Callable[[], TokenVerifier], leases: LeaseLedger, hypotheses: Hypotheses
    ) -> None:
        self._verifier = verifier
        self._leases = leases
        self._hypotheses = hypotheses

    @classmethod
    def over(cls, ledger: Ledger, replica: Replica, gate: Gate) -> "Evaluations":
        """Make it of a ledger, and of what this broker runs."""
        hypotheses = Hypotheses(lambda: replica.published, ledger.tasks, gate)
        return cls(lambda: replica.verifier, ledger.leases, hypotheses)

    async def evaluate(self, caller: Principal, question: Evaluation) -> Evaluated:
        """Answer one question.

        Raises:
            AccessDeniedError: the caller is neither a resource server nor an operator.
            InvalidRequestError: a property is not of the type that it has to have.
            UnavailableError: nobody can say; whoever asks must refuse.
        """
        _require_asker(caller)
        match question.subject.type:
            case "credential":
                return await self._credential(caller, question)
            case "agent" | "orchestrator" | "person":
                return await self._hypotheses.of_caller(caller, question)
            case "task":
                return await self._hypotheses.of_task(caller, question)
            case _:
                return Evaluated.denied("unknown-subject-type")

    async def evaluate_all(
        self, caller: Principal, questions: Sequence[Asked], semantic: Semantic
    ) -> Sequence[Evaluated]:
        """Answer several, in their order; what goes wrong with one of them denies that one.

        Raises:
            AccessDeniedError: the caller is neither a resource server nor an operator.
        """
        _require_asker(caller)
        if semantic is Semantic.EXECUTE_ALL:
            asked = (self._one_of(caller, question) for question in questions)
            return await asyncio.gather(*asked)
        answers: list[Evaluated] = []
        for question in questions:
            answers.append(await self._one_of(caller, question))
            if semantic.is_enough(answers[-1].decision):
                break
        return answers

    async def _one_of(self, caller: Principal, question: Asked) -> Evaluated:
        try:
            if isinstance(question, InvalidRequestError):
                raise question
            return await self.evaluate(caller, question)
        except (InvalidRequestError, UnavailableError) as error:
            status = next(status for kind, status in _STATUS if isinstance(error, kind))
            return Evaluated(decision=False, context={"error": _error(error, status)})

    async def _credential(self, caller: Principal, question: Evaluation) -> Evaluated:
        wanted = _wanted_scopes(question)
        if (question.action, question.resource.type) != (USE, SERVER):
            is_use = question.action == USE
            return Evaluated.denied("unknown-resource-type" if is_use else "unknown-action")
        if caller.kind is Kind.RESOURCE and question.resource.id != caller.name:
            return _NOT_ACTIVE
        try:
            lease = await self._live(question.subject.id)
        except (AttestationError, InvalidRequestError, NotFoundError):
            return _NOT_ACTIVE
        is_for_it = lease is not None and lease.spec.audience == question.resource.id
        if lease is None or not is_for_it or not caller.answers_for(lease.spec.tenant):
            return _NOT_ACTIVE
        if not wanted <= frozenset(lease.spec.scopes):
            return Evaluated.denied("beyond-scope")
        return Evaluated(decision=True, context={"credential": _shown(lease)})

    async def _live(self, name: str) -> Lease | None:
        """Find a lease that is alive, by a token or by a ``jti``."""
        if name.count(".") != _TOKEN_DOTS:
            lease = await self._leases.view(lease_of(name))
            is_newest = name in {lease.spec.id, f"{lease.spec.id}.{lease.generation}"}
            return _alive(lease, lease.expires_at_ms) if is_newest else None
        token = self._verifier().authenticate(name)
        claims = token.claims
        lease = await self._leases.view(
            lease_of(str(claims["jti"])), _path(claims.get("path")), key_id=token.key_id
        )
        is_ours = claims["aud"] == lease.spec.audience
        return _alive(lease, read_date(claims, "exp") * 1000) if is_ours else None


def _alive(lease: Lease, ends_at_ms: int) -> Lease | None:
    if not lease.is_sure:
        raise UnavailableError("the ledger's clock and this broker's disagree: see /readyz")
    return lease if lease.is_alive and lease.judged_at_ms < ends_at_ms else None


def _path(path: object) -> tuple[TaskId, ...]:
    if not isinstance(path, list) or not path:
        raise NotFoundError("the token names no task")
    return tuple(parse_task_id(str(part)) for part in path)


def _require_asker(caller: Principal) -> None:
    if caller.kind not in {Kind.RESOURCE, Kind.OPERATOR}:
        raise AccessDeniedError("resource-servers-and-operators-only")


class _Used(msgspec.Struct):
    scopes: list[str] = msgspec.field(default_factory=list)


def _wanted_scopes(question: Evaluation) -> frozenset[str]:
    try:
        given = msgspec.convert(question.action_properties, _Used).scopes
    except msgspec.ValidationError:
        given = [""]
    where = "action.properties.scopes"
    return frozenset(parse_scope(scope, field=where) for scope in given)


def _shown(lease: Lease) -> dict[str, object]:
    spec = lease.spec
    return {
        "id": spec.id,
        "task": spec.task,
        "agent": spec.agent,
        "tenant": spec.tenant,
        "capability": spec.capability,
        "scopes": sorted(spec.scopes),
    }


def _error(error: BrokerError, status: int) -> dict[str, object]:
    if not isinstance(error, InvalidRequestError):
        return {"status": status, "message": "nobody can say now"}
    return {"status": status, "message": f"{error.field}: {error}" if error.field else str(error)}
