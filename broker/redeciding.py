"""What was asked for a lease, put again to what is so now: would it still be granted?

- The question is the recorded one: who asked, as it was attested, for what, for how long; the facts
  are those of now.
- A narrower answer is a no: a scope, a life or a binding that it would not get any more. What was
  used up once (evidence that serves once) and when its evidence ended are no facts, and not asked.
- What an older version granted, without a record of what was asked, is asked for by what its spec
  says: who needed claims or labels for it gets a no.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Final

from broker.binding import is_met
from broker.errors import AttestationError, InvalidRequestError
from broker.governance.published import Published
from broker.model.asked import Asked, Asker
from broker.model.capability import Capability, covers
from broker.model.decision import Decision, Deny, NeedsApproval, Permit, Trace
from broker.model.held import HeldLease
from broker.model.lease import LeaseSpec
from broker.model.principal import Principal
from broker.model.redecision import NoLonger, Redecision, StillGranted
from broker.model.task import TaskSpec
from broker.policy.engine import OF_POLICY
from broker.policy.query import Action, Query, TaskFacts
from broker.renewability import capability_of
from broker.target_wishes import digest_of

Case = tuple[HeldLease, TaskSpec]

Answer = Callable[[HeldLease], Redecision]
"""Says what the answer to a question means for one of the leases that lead to it."""

_LINES: Final = 8
"""So much of a reason is kept of each kind."""


async def redecide(published: Published, cases: Sequence[Case]) -> list[Redecision]:
    """Ask again about each; answers in their order. What was asked alike is asked once."""
    keys = list(map(_alike, cases))
    alike = dict(zip(keys, cases, strict=True))
    asked = {key: question(published, *case) for key, case in alike.items()}
    queries = [each for each in asked.values() if isinstance(each, Query)]
    decided = iter(await published.decider.decide_many(queries))
    answers = {
        key: _answer(published, query, next(decided))
        if isinstance(query, Query)
        else _to_all(query)
        for key, query in asked.items()
    }
    return [answers[key](held) for key, (held, _) in zip(keys, cases, strict=True)]


def _alike(case: Case) -> Hashable:
    """Return what two leases have in common that lead to the very same question.

    Equal records of what was asked are read as one object: :mod:`broker.store.held_leases`.
    """
    held, task = case
    spec = held.spec
    asked = spec.id if held.asked is None else id(held.asked)
    return asked, task.id, spec.capability, spec.backend, spec.audience, spec.template


def question(published: Published, held: HeldLease, task: TaskSpec) -> Query | NoLonger:
    """Put the recorded request as it would be put now, unless it cannot be put any more."""
    asked = asked_for(held)
    capability = capability_of(published, held.spec.capability, held.spec.tenant)
    if capability is None:
        return _no(published, "capability-gone", "the capability exists in this tenant")
    if _gives_another(capability, held.spec):
        return _no(published, "capability-changed", "the capability gives what it gave")
    try:
        caller = published.registry.confirm(asked.by.principal())
    except AttestationError as error:
        return _no(published, error.reason, "the agent is registered, and active")
    return _query(published, asked, task, capability, caller)


def _query(
    published: Published, asked: Asked, task: TaskSpec, capability: Capability, caller: Principal
) -> Query | NoLonger:
    try:
        return _put(asked, task, capability, caller)
    except InvalidRequestError as error:
        return _no(published, "unreadable", f"what was asked can be read: {error}")


def _put(asked: Asked, task: TaskSpec, capability: Capability, caller: Principal) -> Query:
    return Query(
        action=action_of(asked),
        principal=caller,
        task=TaskFacts.of(task),
        capability=capability,
        ceiling=task.ceiling,
        scopes=asked.scopes,
        ttl_ms=asked.ttl_ms,
        labels=asked.labels,
        tool=asked.tool,
    )


def action_of(asked: Asked) -> Action:
    """Return which of the two it was: asking, or asking again."""
    return Action.RENEW_CREDENTIAL if asked.is_renewal else Action.REQUEST_CREDENTIAL


def _answer(published: Published, query: Query, decision: Decision) -> Answer:
    """Answer a question as far as that is the same for all that lead to it."""
    match decision:
        case Permit():
            return _permitted(published, query, decision)
        case Deny(reason, trace) if reason in OF_POLICY:
            return _unless_emergency(trace, partial(_refused, published, str(reason), trace, ()))
        case Deny(reason, trace):
            return partial(_refused, published, str(reason), trace, ())
        case NeedsApproval(requirements, trace):
            asked_of = tuple(f"an approval: {each.in_brief()}" for each in requirements)
            refused = partial(_refused, published, "needs-approval", trace, asked_of)
            return _unless_emergency(trace, refused)


def _unless_emergency(trace: Trace, refused: Answer) -> Answer:
    """Let an emergency's lease stand where policy alone says no: it was had against that word."""
    still = StillGranted(trace.until_ms)
    return lambda held: still if held.spec.break_glass else refused(held)


def _permitted(published: Published, query: Query, permit: Permit) -> Answer:
    capability, obliged, policies = query.capability, permit.obligations, permit.trace.policies
    if capability is None:
        return _to_all(_no(published, "capability-gone", "the capability exists in this tenant"))
    if (beyond := _beyond(query, capability)) is not None:
        return _to_all(_no(published, *beyond, policies))
    left = query.scopes if obliged.scopes is None else query.scopes & obliged.scopes
    longest_ms = published.longest_ms(capability, obliged.max_ttl_ms)
    still = StillGranted(permit.trace.until_ms)

    def answer(held: HeldLease) -> Redecision:
        """Hold what a lease was given against what it would be given now."""
        if held.spec.break_glass:
            return still
        if not left.issuperset(held.spec.scopes):
            what = "the obligations leave all of its scopes"
            return _no(published, "narrower-now", what, policies)
        if held.given_ms > longest_ms:
            return _no(published, "shorter-now", "so long a life is allowed", policies)
        if not is_met(held.spec.confirmation, obliged):
            return _no(published, "binding-required", "a key that policy allows", policies)
        return still

    return answer


def _beyond(query: Query, capability: Capability) -> tuple[str, str] | None:
    if not query.scopes <= capability.scopes:
        return "beyond-capability", "it has these scopes"
    if not covers(query.ceiling, capability.name, query.scopes):
        return "beyond-ceiling", "it covers them"
    return None


def _to_all(answer: NoLonger) -> Answer:
    return lambda _held: answer


def _gives_another(capability: Capability, spec: LeaseSpec) -> bool:
    """Tell whether a capability of that name is about another thing by now."""
    if (capability.backend, capability.audience) != (spec.backend, spec.audience):
        return True
    return spec.target is not None and spec.template != digest_of(capability)


def asked_for(held: HeldLease) -> Asked:
    """Return what was asked for a lease; without a record of it, what its spec says."""
    if held.asked is not None:
        return held.asked
    spec = held.spec
    by = Asker(
        name=spec.agent,
        tenants=frozenset({spec.tenant}),
        instance=spec.instance,
        issuer=spec.evidence_issuer,
        subject="",
    )
    return Asked(by=by, scopes=frozenset(spec.scopes), ttl_ms=held.given_ms)


def _no(
    published: Published, reason: str, missing: str, policies: tuple[str, ...] = ()
) -> NoLonger:
    return NoLonger(
        reason, policies[:_LINES], (missing,), revision=published.revision, graph=published.graph
    )


def _refused(
    published: Published,
    reason: str,
    trace: Trace,
    missing: tuple[str, ...],
    held: HeldLease,
) -> NoLonger:
    return NoLonger(
        reason,
        trace.policies[:_LINES],
        (missing or trace.missing or trace.errors)[:_LINES],
        _gone(held.spec.trace, trace)[:_LINES],
        revision=published.revision,
        graph=published.graph,
    )


def _gone(then: Trace, now: Trace) -> tuple[str, ...]:
    """Return what is no longer so. What was refused before it was looked at is not known to be."""
    if not now.facts:
        return ()
    return tuple(fact for fact in then.facts if fact not in now.facts)
