"""Trying policies out before they count.

Two kinds of questions are put to the engine that a bundle makes. Those built in hold for every
bundle: whoever is not registered is allowed nothing, and the schema understands every question that
the broker will put. Those in ``tests.yaml`` say what this bundle is meant to do.

The built-in ones are a safety net, not a proof: they try each capability with each of its scopes,
and each agent, up to a bound. The guarantee is that the registry lets nobody else through.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import UnsetType
from msgspec.structs import replace

from broker.errors import InvalidRequestError
from broker.governance.base_facts import base_of
from broker.governance.document import BundleDocument
from broker.governance.vectors import Vector
from broker.governance.worlds import engine_for, in_order
from broker.model.capability import Capability, Ceiling
from broker.model.decision import Decision, Deny, NeedsApproval, Obligations, Permit
from broker.model.principal import Kind, Principal
from broker.model.tool import Tool
from broker.policy.cedar import CedarEngine
from broker.policy.engine import DenyReason, Engine
from broker.policy.query import Action, Query, TaskFacts
from broker.settings.fault import Fault

MAX_TARGETS: Final = 100
"""How many agents, and how many capabilities, the built-in questions go through."""

STRANGER: Final = "~nobody"
"""No name can begin so: this one is never registered."""

_TASK_ACTIONS: Final = (Action.OPEN_TASK, Action.DELEGATE_TASK, Action.EXTEND_TASK)
_CREDENTIAL_ACTIONS: Final = (Action.REQUEST_CREDENTIAL, Action.RENEW_CREDENTIAL)


def built_in_faults(document: BundleDocument, engine: Engine) -> Iterator[Fault]:
    """Find what no bundle may do, each thing once. Paths lead to a policy, or to the schema."""
    strangers = _strangers(document)
    found = (fault for query in strangers for fault in _stranger_faults(query, engine))
    yield from dict.fromkeys(found)


def vector_faults(document: BundleDocument, engine: CedarEngine) -> Iterator[Fault]:
    """Find expectations that do not hold. Paths lead to them."""
    capabilities, facts = document.capabilities_by_name(), in_order(base_of(document))
    for index, vector in enumerate(document.tests):
        try:
            judge = engine_for(vector, engine, facts)
        except InvalidRequestError as error:
            yield Fault(("tests", index, *error.field.split(".")), str(error), "state what can be")
            continue
        try:
            query = question_of(vector, capabilities)
        except InvalidRequestError as error:
            yield Fault(("tests", index, error.field), str(error), "no caller can send this")
            continue
        for message in mismatches(vector, judge.decide(query)):
            remedy = "mend the policy, or what is expected of it"
            yield Fault(("tests", index), f"{vector.name}: {message}", remedy)


def _stranger_faults(query: Query, engine: Engine) -> Iterator[Fault]:
    """Ask for every permit that applies, not for the answer.

    The answer is a Deny as soon as any other policy stumbles over the stranger, which would hide a
    permit that is too wide until that other policy is gone.
    """
    explanation = engine.explain(query)
    what = f"{query.action} to an {query.principal.kind} that is not registered"
    if explanation.reason == DenyReason.ENGINE_ERROR:
        message = f"does not understand {query.action} by an {query.principal.kind}: "
        error = explanation.errors[0] if explanation.errors else "no reason given"
        remedy = "begin with the schema that comes with the broker"
        yield Fault(("schema",), message + error, remedy)
    for finding in explanation.considered:
        if finding.effect == "permit" and finding.applies:
            remedy = "have it read a registered fact, such as principal.tenant"
            yield Fault(("policies", finding.policy), f"allows {what}", remedy)


def _strangers(document: BundleDocument) -> Iterator[Query]:
    agent, orchestrator = _stranger(Kind.AGENT), _stranger(Kind.ORCHESTRATOR)
    targets = [(a.name, a.tenant) for a in document.agents[:MAX_TARGETS]] or [(STRANGER, "none")]
    for name, tenant in targets:
        task = _task(agent=name, tenant=tenant)
        for action in _TASK_ACTIONS:
            for caller in (agent, orchestrator):
                yield Query(action=action, principal=caller, task=task, ttl_ms=60_000)
    for record in document.capabilities[:MAX_TARGETS]:
        yield from _credential_queries(agent, record.capability())


def _credential_queries(stranger: Principal, capability: Capability) -> Iterator[Query]:
    choices = [frozenset({scope}) for scope in sorted(capability.scopes)] + [capability.scopes]
    for tenant in sorted(capability.tenants):
        for action in _CREDENTIAL_ACTIONS:
            for scopes in choices:
                yield Query(
                    action=action,
                    principal=stranger,
                    task=_task(agent=STRANGER, tenant=tenant),
                    capability=capability,
                    ceiling=(Ceiling(capability.name, capability.scopes),),
                    scopes=scopes,
                    ttl_ms=60_000,
                )


def _stranger(kind: Kind) -> Principal:
    return Principal(
        kind=kind,
        name=STRANGER,
        tenants=frozenset(),
        instance="an-instance",
        issuer="https://issuer.invalid",
        subject=STRANGER,
        expires_at_ms=0,
    )


def _task(*, agent: str, tenant: str) -> TaskFacts:
    """Make a task with every fact there can be, so that the schema is asked for each."""
    return TaskFacts(
        id="t",
        name="a-task",
        tenant=tenant,
        agent=agent,
        opener=f"orchestrator:{STRANGER}",
        on_behalf_of="somebody",
        tickets=("a-ticket",),
        resources=("a-resource",),
    )


def question_of(vector: Vector, capabilities: Mapping[str, Capability]) -> Query:
    """Make the question that a vector puts.

    Raises:
        InvalidRequestError: no caller can send it.
    """
    capability = capabilities.get(vector.capability) if vector.capability else None
    scopes = frozenset(vector.scopes)
    return Query(
        action=vector.action,
        principal=_caller_of(vector),
        task=_task_of(vector),
        capability=capability,
        ceiling=(Ceiling(capability.name, scopes),) if capability else (),
        scopes=scopes,
        ttl_ms=vector.ttl_seconds * 1000,
        labels=vector.labels,
        tool=_tool_of(vector),
    )


def _tool_of(vector: Vector) -> Tool | None:
    said = vector.tool
    if isinstance(said, UnsetType):
        return None
    return Tool(said.name, said.origin, said.digest)


def _caller_of(vector: Vector) -> Principal:
    kind, _, name = vector.caller.partition(":")
    return replace(_stranger(Kind(kind)), name=name, subject=name, claims=vector.claims)


def _task_of(vector: Vector) -> TaskFacts:
    task = vector.task
    return TaskFacts(
        id="t",
        name=task.name,
        tenant=task.tenant,
        agent=task.agent,
        opener=vector.caller,
        on_behalf_of=task.on_behalf_of,
        tickets=task.tickets,
        resources=task.resources,
        depth=task.depth,
    )


def mismatches(vector: Vector, decision: Decision) -> Iterator[str]:
    """Say what of an answer is not as a vector expects it."""
    answer, detail = answer_of(decision)
    if answer != vector.expect:
        yield f"expected {vector.expect}, policy answers {answer}{detail}"
        return
    if vector.reason is not None and isinstance(decision, Deny):
        yield from _difference("reason", vector.reason, decision.reason)
    if vector.policies is not None:
        expected = ", ".join(sorted(vector.policies))
        yield from _difference("policies", expected, ", ".join(decision.trace.policies))
    if isinstance(decision, Permit):
        yield from _other_obligations(vector, decision.obligations)


def _other_obligations(vector: Vector, obliged: Obligations) -> Iterator[str]:
    if vector.max_ttl_seconds is not None:
        yield from _difference(
            "max_ttl_seconds", vector.max_ttl_seconds * 1000, obliged.max_ttl_ms, "ms"
        )
    if vector.single_use is not None:
        expected, got = str(vector.single_use).lower(), str(obliged.single_use).lower()
        yield from _difference("single_use", expected, got)


def answer_of(decision: Decision) -> tuple[str, str]:
    """Return an answer in the words of vectors, and what there is to say of it."""
    match decision:
        case Permit():
            return "allow", f" by {', '.join(decision.trace.policies)}"
        case NeedsApproval():
            return "approval", f" of {', '.join(decision.of_whom)}"
        case Deny():
            details = (*decision.trace.policies, *decision.trace.errors, *decision.trace.missing)
            return "deny", f" ({'; '.join((decision.reason, *details))})"


def _difference(what: str, expected: object, got: object, unit: str = "") -> Iterator[str]:
    if expected != got:
        yield f"expected {what} {expected} {unit}".rstrip() + f", got {got}"
