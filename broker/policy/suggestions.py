"""Which steps are worth trying: those that a person could take about this very question.

Things are those of the task's tenant that the question names, what is above them, who has handed
the task on, who answers for these agents, and what the policies name. Nothing of another tenant is
ever among them. There is a bound on everything.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from cedarpy import pst
from msgspec.structs import replace

from broker.errors import TooManyFactsError
from broker.facts.change import HoldThing, LiftHold, PutThing, Relate, Unrelate
from broker.facts.relations import JOINS, RISKS, SHAPES, crosses_tenants, stands_by_itself
from broker.model.fact import Hold, Ref, Relationship, Thing, ThingKind, agent_ref, tenant_ref
from broker.model.principal import Kind
from broker.policy.lint.tree import nodes
from broker.policy.query import Query
from broker.policy.whatif import OtherFact, ShorterTtl, Situation, Step, WithoutScope

MOST_STEPS: Final = 40
MOST_THINGS: Final = 24
MOST_NUMBERS: Final = 8

_KINDS: Final = {
    "Team": ThingKind.TEAM,
    "Person": ThingKind.PERSON,
    "Ticket": ThingKind.TICKET,
    "Workflow": ThingKind.WORKFLOW,
    "Dataset": ThingKind.DATASET,
    "Tool": ThingKind.TOOL,
    "Resource": ThingKind.RESOURCE,
}


class Suggestions:
    """Steps for one set of policies."""

    def __init__(self, policies: Sequence[pst.Template]) -> None:
        found = [node for policy in policies for node in nodes(policy)]
        numbers = {node.value for node in found if isinstance(node, pst.LongLit)}
        self._numbers = sorted(number for number in numbers if 0 < number < 10**9)[:MOST_NUMBERS]
        self._named = sorted(
            {(str(node.type), node.id) for node in found if isinstance(node, pst.EntityUid)}
        )

    def to_gain(self, now: Situation) -> list[Step]:
        """Return what might make a refusal a grant: relationships first, then what stands."""
        refs = self._refs(now)
        steps = [
            *_standing(now, [*refs, *_answering(now)]),
            *_relating(now, refs),
            *_risks(now),
            *self._asking_less(now.query),
        ]
        return _few(steps)

    def to_lose(self, now: Situation) -> list[Step]:
        """Return what might make a grant a refusal: relationships that end, things that stop."""
        refs = [*self._refs(now), tenant_ref(now.query.task.tenant)]
        return _few([*_unrelating(now, refs), *_stopping(now, [*refs, *_answering(now)])])

    def _refs(self, now: Situation) -> list[Ref]:
        tenant = now.query.task.tenant
        found = [*_roots(now), *self._named_in(tenant)]
        try:
            above = now.facts.slice(found[:MOST_THINGS], now.now_ms).things
        except TooManyFactsError:
            above = {}
        known = dict.fromkeys([*found, *above])
        return [ref for ref in known if ref.tenant in {tenant, ""}][:MOST_THINGS]

    def _named_in(self, tenant: str) -> Iterator[Ref]:
        for type_, name in self._named:
            kind = _KINDS.get(type_)
            owner, _, rest = name.partition("/")
            if kind is not None and rest and owner == tenant:
                yield Ref(kind, tenant, rest)
            elif kind is ThingKind.TEAM and not rest:
                yield Ref(kind, "", name)

    def _asking_less(self, query: Query) -> Iterator[Step]:
        if len(query.scopes) > 1:
            yield from map(WithoutScope, sorted(query.scopes))
        for number in self._numbers:
            for seconds in (number, number - 1):
                if 0 < seconds * 1000 < query.ttl_ms:
                    yield ShorterTtl(seconds)


def _roots(now: Situation) -> Iterator[Ref]:
    query, task = now.query, now.query.task
    yield agent_ref(task.tenant, task.agent)
    if query.principal.name != task.agent and (ref := now.facts.agent(query.principal.name)):
        yield ref.ref
    yield from (Ref(ThingKind.TICKET, task.tenant, ticket) for ticket in task.tickets)
    if task.on_behalf_of:
        yield Ref(ThingKind.PERSON, task.tenant, task.on_behalf_of)
    if query.capability is not None and (about := now.facts.base.about.get(query.capability.name)):
        yield Ref(about[0], task.tenant, about[1])


def _answering(now: Situation) -> Iterator[Ref]:
    """Yield who has to be in order whatever policies say: the agents, and who answers for them."""
    query, task = now.query, now.query.task
    callers = [query.principal.name] if query.principal.kind is Kind.AGENT else []
    for name in dict.fromkeys([*callers, task.agent, *task.above]):
        agent = now.facts.agent(name)
        if agent is not None and agent.tenant == task.tenant:
            yield agent.ref
            owner = now.facts.owner_of(agent.ref)
            yield from () if owner is None else (owner,)


def _standing(now: Situation, refs: Iterable[Ref]) -> Iterator[Step]:
    for ref in (*refs, tenant_ref(now.query.task.tenant)):
        if now.facts.hold(ref) is not None:
            yield OtherFact(LiftHold(ref))
        thing = now.facts.logged(ref)
        shape = SHAPES.get(ref.kind)
        if shape is None or not shape.statuses:
            continue
        if thing is None and now.facts.thing(ref) is None and ref.kind is not ThingKind.AGENT:
            yield OtherFact(PutThing(_new(ref, shape.statuses[0])))
        elif thing is not None and not stands_by_itself(replace(thing, hold=None)):
            yield OtherFact(PutThing(replace(thing, status=shape.statuses[0])))


def _new(ref: Ref, status: str) -> Thing:
    return Thing(kind=ref.kind, tenant=ref.tenant, name=ref.name, status=status)


def _relating(now: Situation, refs: Sequence[Ref]) -> Iterator[Step]:
    for subject in refs:
        counting = {edge.key for edge in now.facts.counting(subject, now.now_ms)}
        for object_ in refs:
            for relation, joined in JOINS.items():
                edge = Relationship(subject, relation, object_)
                is_fit = (subject.kind, object_.kind) in joined and subject != object_
                if is_fit and not crosses_tenants(subject, object_) and edge.key not in counting:
                    yield OtherFact(Relate(edge))


def _risks(now: Situation) -> Iterator[Step]:
    thing = now.facts.logged(agent_ref(now.query.task.tenant, now.query.task.agent))
    if thing is not None:
        others = (risk for risk in RISKS if risk != thing.risk)
        yield from (OtherFact(PutThing(replace(thing, risk=risk))) for risk in others)


def _unrelating(now: Situation, refs: Iterable[Ref]) -> Iterator[Step]:
    for ref in refs:
        for edge in now.facts.counting(ref, now.now_ms):
            yield OtherFact(Unrelate(*edge.key))


def _stopping(now: Situation, refs: Iterable[Ref]) -> Iterator[Step]:
    for ref in refs:
        if now.facts.stands(ref):
            yield OtherFact(HoldThing(ref, Hold("what if", "operator:what-if", now.now_ms)))


def _few(steps: Iterable[Step]) -> list[Step]:
    """Keep the first ones, each once."""
    unique = dict.fromkeys(steps)
    return list(islice(unique, MOST_STEPS))
