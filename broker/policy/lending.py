"""What a person lends to an agent: decided for both, and no more than either may have.

Wherever a question names a task that a person opened on her own behalf, and is about a credential,
it is asked twice: may the agent have it, and may she herself, who lends it (``LendRight``)? Both
have to permit; of two obligations the narrower holds; whoever has to agree for either has to agree.
Every way to an answer leads through here, so none can forget the second question.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, TypeVar

import msgspec

from broker.errors import AttestationError
from broker.model.decision import Decision, Deny, NeedsApproval, Obligations, Permit, Trace
from broker.model.principal import Kind, Principal
from broker.policy.decider import Decider
from broker.policy.engine import OF_POLICY, DenyReason, Engine
from broker.policy.explain import explanation_of
from broker.policy.explanation import Explanation, shortened
from broker.policy.hours import earlier
from broker.policy.query import Action, Query

Confirm = Callable[[Principal], Principal]
"""Says who somebody is by the revision that decides, or raises AttestationError."""

T = TypeVar("T")

_LINES: Final = 16
"""So many lines of each kind a trace keeps."""


@dataclass(frozen=True, slots=True)
class Basis:
    """By what is decided: the registry's word, and the revisions that a trace names."""

    confirm: Confirm
    facts_revision: int
    graph_revision: int


class Lending:
    """Stands before a decider."""

    def __init__(self, decider: Decider, basis: Basis) -> None:
        self._decider = decider
        self._basis = basis

    @property
    def version(self) -> str:
        """What decides."""
        return self._decider.version

    async def decide(self, query: Query) -> Decision:
        """Answer one query."""
        if _is_plain(query):
            return await self._decider.decide(query)
        [decision] = await self.decide_many([query])
        return decision

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Answer each query, in their order."""
        if all(map(_is_plain, queries)):
            return await self._decider.decide_many(queries)
        asked = [questions(query, self._basis, self.version) for query in queries]
        flat = list(chain.from_iterable(each for each in asked if not isinstance(each, Deny)))
        decided = iter(await self._decider.decide_many(flat))
        return [
            each if isinstance(each, Deny) else combined([next(decided) for _ in each], query)
            for query, each in zip(queries, asked, strict=True)
        ]

    async def explain(self, query: Query) -> Explanation:
        """Say why a query is answered as it is; of what is lent for both, one within the other."""
        asked = questions(query, self._basis, self.version)
        if isinstance(asked, Deny):
            return explanation_of(asked, ())
        own, *lent = [await self._decider.explain(each) for each in asked]
        return _both(own, lent[0]) if lent else own


def decided_by(engine: Engine, basis: Basis, query: Query) -> Decision:
    """Answer one query by an engine at once, as :class:`Lending` would."""
    asked = questions(query, basis, engine.version)
    if isinstance(asked, Deny):
        return asked
    return combined([engine.decide(each) for each in asked], query)


def questions(query: Query, basis: Basis, version: str) -> tuple[Query, ...] | Deny:
    """Return what is to be asked for one query, or why nothing has to be."""
    if _is_elsewhere(query.principal, query):
        return _gone(query, basis, version)
    lender = query.task.lender
    if lender is None:
        return (query,)
    try:
        person = basis.confirm(lender.principal())
    except AttestationError:
        return _gone(query, basis, version)
    if not person.answers_for(query.task.tenant):
        return _gone(query, basis, version)
    if not query.action.is_about_credential:
        return (query,)
    return (query, msgspec.structs.replace(query, action=Action.LEND_RIGHT, principal=person))


def combined(decisions: Sequence[Decision], query: Query) -> Decision:
    """Put the agent's decision and the person's together; one alone is what it is."""
    own, *rest = decisions
    if not rest:
        return own
    lent = _as_lent(rest[0], query)
    trace = _traced(own.trace, lent.trace)
    if refusal := _refusal(own, lent):
        return Deny(refusal.reason, trace)
    obliged = _narrower(_obliged(own), _obliged(lent))
    waiting = [each for each in (own, lent) if isinstance(each, NeedsApproval)]
    if not waiting:
        return Permit(obliged, trace)
    required = tuple(dict.fromkeys(chain.from_iterable(each.requirements for each in waiting)))
    return NeedsApproval(required, trace, obliged, min(each.good_ms for each in waiting))


def _is_plain(query: Query) -> bool:
    return query.task.lender is None and query.principal.kind is not Kind.PERSON


def _is_elsewhere(caller: Principal, query: Query) -> bool:
    """Tell whether a person asks about a tenant that her evidence, or she, is not of (I16)."""
    return caller.kind is Kind.PERSON and not caller.answers_for(query.task.tenant)


def _gone(query: Query, basis: Basis, version: str) -> Deny:
    who = query.task.on_behalf_of if query.task.lender else query.principal.name
    why = f"built in: person:{who} is nobody in {query.task.tenant}, or not who opened the task"
    return Deny(
        DenyReason.PERSON_GONE,
        Trace(
            version,
            basis.facts_revision,
            missing=(shortened(why),),
            graph_revision=basis.graph_revision,
        ),
    )


def _as_lent(decision: Decision, query: Query) -> Decision:
    """Say of the person's decision whose it is; policy's own noes become one word."""
    who = f"person:{query.task.on_behalf_of}"
    trace = decision.trace
    told = msgspec.structs.replace(
        trace,
        missing=tuple(shortened(f"{who}: {line}") for line in trace.missing),
        errors=tuple(shortened(f"{who}: {line}") for line in trace.errors),
    )
    if not isinstance(decision, Deny):
        return replace(decision, trace=told)
    of_policy = decision.reason in OF_POLICY
    return Deny(DenyReason.RIGHT_NOT_LENT if of_policy else decision.reason, told)


def _refusal(*decisions: Decision) -> Deny | None:
    """Return the refusal that counts: a real one before an engine that did not answer."""
    refused = [each for each in decisions if isinstance(each, Deny)]
    known = [each for each in refused if each.reason != DenyReason.ENGINE_ERROR]
    return next(iter([*known, *refused]), None)


def _obliged(decision: Decision) -> Obligations:
    return Obligations() if isinstance(decision, Deny) else decision.obligations


def _narrower(one: Obligations, other: Obligations) -> Obligations:
    """Return what both leave."""
    lives = [each.max_ttl_ms for each in (one, other) if each.max_ttl_ms is not None]
    return Obligations(
        max_ttl_ms=min(lives, default=None),
        scopes=_common(one.scopes, other.scopes),
        bindings=_common(one.bindings, other.bindings),
        single_use=one.single_use or other.single_use,
    )


def _common(one: frozenset[T] | None, other: frozenset[T] | None) -> frozenset[T] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _traced(own: Trace, lent: Trace) -> Trace:
    return msgspec.structs.replace(
        own,
        policies=_lines(own.policies, lent.policies),
        facts=tuple(dict.fromkeys((*own.facts, *lent.facts))),
        errors=_lines(own.errors, lent.errors),
        missing=_lines(own.missing, lent.missing),
        until_ms=earlier(own.until_ms, lent.until_ms),
    )


def _lines(*texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(texts)))[: 2 * _LINES]


def _both(own: Explanation, lent: Explanation) -> Explanation:
    """Explain the answer as a whole by the agent's, with the person's in it."""
    outcome, reason = own.outcome, own.reason
    if own.outcome == "deny" or lent.outcome == "permit":
        return replace(own, lending=lent)
    if lent.outcome == "deny":
        of_policy = lent.reason in OF_POLICY
        outcome, reason = "deny", DenyReason.RIGHT_NOT_LENT if of_policy else lent.reason
    elif own.outcome == "permit":
        outcome, reason = lent.outcome, lent.reason
    return replace(own, outcome=outcome, reason=reason, lending=lent)
