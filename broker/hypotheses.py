"""What policy would answer to a request that came now, for those who ask before they act."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from broker.errors import AttestationError, InvalidRequestError, NotFoundError
from broker.gate import Gate
from broker.governance.published import Published
from broker.hypothesis_words import (
    SaidAction,
    SaidContext,
    ceiling_of,
    or_what_is_asked,
    pairs_of,
    read_as,
    supposed_caller,
    task_agent,
    task_facts,
    tool_of,
    ttl_of,
)
from broker.ids import parse_task_id
from broker.model.capability import Capability, Ceiling, covers
from broker.model.decision import Decision, Deny, NeedsApproval, Obligations, Permit
from broker.model.evaluation import Evaluated, Evaluation
from broker.model.principal import Kind, Principal
from broker.model.tool import Tool
from broker.ownership import is_operator_of
from broker.policy.query import Action, Query, TaskFacts
from broker.proof.confirmation import Binding
from broker.renewability import capability_of
from broker.store.task_ledger import TaskLedger
from broker.text import parse_scope

KEY: Final = "jit_broker"
"""What obligations and policies stand under, as broker.engines.authzen reads them."""

_NOT_FOUND: Final = Evaluated.denied("not-found")


class Hypotheses:
    """Puts questions to policy as if somebody had asked; gives nothing, uses nothing up."""

    def __init__(self, published: Callable[[], Published], tasks: TaskLedger, gate: Gate) -> None:
        self._published = published
        self._tasks = tasks
        self._gate = gate

    async def of_caller(self, asker: Principal, question: Evaluation) -> Evaluated:
        """Answer for an agent, orchestrator or person, in a task as the context describes it.

        Raises:
            InvalidRequestError: something is not of the type that it has to have.
            UnavailableError: revoke-only.
        """
        context = read_as(question.context, SaidContext, "context")
        if context.task is None:
            raise InvalidRequestError(
                "say of which task: its tenant at least", field="context.task"
            )
        task = task_facts(context.task, question)
        ceiling = None if context.ceiling is None else tuple(map(ceiling_of, context.ceiling))
        supposed = _Supposed(
            supposed_caller(question, task.tenant), task, ceiling, context.labels, tool_of(context)
        )
        return await self._answer(asker, question, supposed)

    async def of_task(self, asker: Principal, question: Evaluation) -> Evaluated:
        """Answer for the agent of a task that is open.

        Raises:
            InvalidRequestError: something is not of the type that it has to have.
            UnavailableError: revoke-only, or the ledger does not answer.
        """
        context = read_as(question.context, SaidContext, "context")
        try:
            task = await self._tasks.view(parse_task_id(question.subject.id))
        except (InvalidRequestError, NotFoundError):
            return _NOT_FOUND
        if not asker.answers_for(task.spec.tenant):
            return _NOT_FOUND
        if not task.is_alive:
            return Evaluated.denied("task-frozen" if task.is_frozen else "task-closed")
        who, facts = task_agent(question, task), TaskFacts.of(task.spec)
        supposed = _Supposed(who, facts, task.spec.ceiling, context.labels, tool_of(context))
        return await self._answer(asker, question, supposed)

    async def _answer(
        self, asker: Principal, question: Evaluation, supposed: "_Supposed"
    ) -> Evaluated:
        action, tenant = _action(question), supposed.task.tenant
        if action is None:
            return Evaluated.denied("unknown-action")
        self._gate.require()
        published = self._published()
        capability = None
        if action.is_about_credential:
            capability = capability_of(published, question.resource.id, tenant)
        if not _may_ask(asker, supposed, capability):
            return _NOT_FOUND
        try:
            known = published.registry.confirm(supposed.who)
        except AttestationError as error:
            return Evaluated.denied(error.reason)
        query = _query(question, action, supposed, known, capability)
        if reason := _own_refusal(query, question):
            return Evaluated.denied(reason)
        decision = await published.decider.decide(query)
        self._gate.require()
        return _said(decision, query, is_told=asker.kind is Kind.OPERATOR)


@dataclass(frozen=True, slots=True)
class _Supposed:
    """Who would ask, in which task; without a ceiling it is as wide as what is asked for."""

    who: Principal
    task: TaskFacts
    ceiling: tuple[Ceiling, ...] | None
    labels: Sequence[str]
    tool: Tool | None


def _query(
    question: Evaluation,
    action: Action,
    supposed: _Supposed,
    known: Principal,
    capability: Capability | None,
) -> Query:
    asked = read_as(question.action_properties, SaidAction, "action.properties")
    scopes = frozenset(parse_scope(s, field="action.properties.scopes") for s in asked.scopes)
    return Query(
        action=action,
        principal=known,
        task=supposed.task,
        capability=capability,
        ceiling=or_what_is_asked(supposed.ceiling, capability, scopes),
        scopes=scopes,
        ttl_ms=ttl_of(asked, capability),
        labels=pairs_of(supposed.labels, "context.labels"),
        tool=supposed.tool,
    )


def _may_ask(asker: Principal, supposed: "_Supposed", capability: Capability | None) -> bool:
    """Operators ask about their tenants; resource servers about what is meant for them there.

    Who is a person there, and what she has a right to, is told to operators only.
    """
    tenant = supposed.task.tenant
    if is_operator_of(asker, tenant):
        return True
    is_its_own = capability is not None and capability.audience == asker.name
    is_theirs = asker.kind is Kind.RESOURCE and supposed.who.kind is not Kind.PERSON
    return is_theirs and asker.answers_for(tenant) and is_its_own


def _own_refusal(query: Query, question: Evaluation) -> str:
    """Hold a question to the rules that no policy can change; empty when they have no objection."""
    resource = question.resource
    if not _is_her_own(query):
        return "not-its-task"
    if not query.action.is_about_credential:
        is_the_agent = resource.type == "agent" and resource.id == query.task.agent
        return "" if is_the_agent else "unknown-resource"
    capability = query.capability
    if resource.type != "capability" or capability is None:
        return "unknown-resource"
    if not _is_its_to_ask(query):
        return "not-its-task"
    if not query.scopes:
        raise InvalidRequestError("name the scopes", field="action.properties.scopes")
    if not query.scopes <= capability.scopes:
        return "beyond-capability"
    return "" if covers(query.ceiling, capability.name, query.scopes) else "beyond-ceiling"


def _is_her_own(query: Query) -> bool:
    """Tell whether it is on her own behalf, where a person asks: nothing else comes up."""
    who = query.principal
    return who.kind is not Kind.PERSON or who.name == query.task.on_behalf_of


def _is_its_to_ask(query: Query) -> bool:
    """Tell whether such a question comes up: of the task's agent, or of a person who lends."""
    if query.action is Action.LEND_RIGHT:
        return query.principal.kind is Kind.PERSON
    return (query.principal.kind, query.principal.name) == (Kind.AGENT, query.task.agent)


def _said(decision: Decision, query: Query, *, is_told: bool) -> Evaluated:
    match decision:
        case Permit(obligations, trace):
            left = query.scopes if obligations.scopes is None else query.scopes & obligations.scopes
            if query.action.is_about_credential and not left:
                return Evaluated.denied("nothing-left")
            ours: dict[str, object] = {"obligations": _obligations(obligations)}
            policies = {"policies": list(trace.policies)} if is_told else {}
            return Evaluated(decision=True, context={KEY: ours | policies})
        case Deny(reason, trace):
            refused = Evaluated.denied(str(reason) if is_told else "refused")
            told = {KEY: {"policies": list(trace.policies)}} if is_told else {}
            return Evaluated(decision=False, context={**refused.context, **told})
        case NeedsApproval():
            return Evaluated.denied("needs-approval")


def _obligations(obliged: Obligations) -> dict[str, object]:
    said: dict[str, object] = {}
    if obliged.max_ttl_ms is not None:
        said["max_ttl_seconds"] = obliged.max_ttl_ms // 1000
    if obliged.scopes is not None:
        said["scopes"] = sorted(obliged.scopes)
    if obliged.bindings is not None:
        said["binding"] = _binding(obliged.bindings)
    if obliged.single_use:
        said["single_use"] = True
    return said


def _binding(bindings: frozenset[Binding]) -> str:
    return "any" if bindings == frozenset(Binding) else "".join(sorted(bindings)) or "none"


def _action(question: Evaluation) -> Action | None:
    try:
        action = Action(question.action)
    except ValueError:
        return None
    is_for_tasks = question.subject.type != "task" or action.is_about_credential
    return action if is_for_tasks else None
