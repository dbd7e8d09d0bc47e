"""The facts and the instant of a question in ``tests.yaml``: its own small world.

What a thing needs besides its status is filled in: a question is about how things stand.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from broker.clock import SystemClock
from broker.errors import InvalidRequestError
from broker.facts.base import Base
from broker.facts.change import Change, ChangeSet, HoldThing, PutThing, Relate
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.relations import SHAPES
from broker.facts.text_form import parse_instant, parse_ref, parse_relationship
from broker.governance.vectors import Vector, VectorFacts
from broker.model.fact import Hold, Ref, Thing, ThingKind
from broker.policy.cedar import CedarEngine

_WHO: Final = "tests.yaml"
_OWNER: Final = "an-owner"


class Stopped(SystemClock):
    """A clock that stands at one instant."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the instant."""
        return self._now_ms


def in_order(base: Base) -> Facts:
    """Return facts in which nothing is against the bundle's agents, but their own status.

    Questions are about policies: that an owner is not registered yet, a review is due, or an agent
    has a ceiling, changes what is granted and not what policies say. A question may say otherwise.
    """
    things = (replace(thing, review_by="", ceiling=()) for thing in base.things.values())
    edges = chain.from_iterable(base.above.values())
    facts = Facts(base=Base(things, edges, base.about))
    owners = {owner for ref in base.agents.values() if (owner := _missing_owner(facts, ref))}
    standing = tuple(PutThing(_thing(str(ref), ref.tenant)) for ref in sorted(owners))
    return facts.changed(ChangeSet(_WHO, "a question", standing), 0) if standing else facts


def _missing_owner(facts: Facts, agent: Ref) -> Ref | None:
    return None if facts.owner_stands(agent) else facts.owner_of(agent)


def engine_for(vector: Vector, engine: CedarEngine, facts: Facts) -> CedarEngine:
    """Return the engine that answers a question: over its own facts besides these, at its instant.

    Raises:
        InvalidRequestError: these facts cannot be, or the instant is none; ``field`` says where.
    """
    if vector.facts is not UNSET:
        engine = engine.over(_changed(facts, vector.facts, vector.task.tenant))
    if vector.at is not UNSET:
        engine = engine.at(Stopped(parse_instant(vector.at, field="at")))
    return engine


def _changed(facts: Facts, stated: VectorFacts, tenant: str) -> Facts:
    changes = tuple(_changes(stated, tenant))
    if not changes:
        return facts
    change = ChangeSet(_WHO, "a question", changes)
    for fault in faults_of(facts, change):
        raise InvalidRequestError(f"{fault.message}: {fault.remedy}", field="facts")
    return facts.changed(change, facts.revision + 1)


def _changes(stated: VectorFacts, tenant: str) -> Iterator[Change]:
    things = [_thing(text, tenant) for text in stated.things]
    owner = Ref(ThingKind.PERSON, tenant, _OWNER)
    if any(thing.kind is ThingKind.AGENT for thing in things):
        yield PutThing(Thing(kind=owner.kind, tenant=tenant, name=_OWNER, status="active"))
    yield from map(PutThing, things)
    for text in stated.relationships:
        yield Relate(parse_relationship(text, tenant, field="facts.relationships"))
    for text in stated.held:
        yield HoldThing(parse_ref(text, tenant, field="facts.held"), Hold("a question", _WHO, 1))


def _thing(text: str, tenant: str) -> Thing:
    name, _, status = text.partition(" ")
    ref = parse_ref(name, tenant, field="facts.things")
    shape = SHAPES.get(ref.kind)
    if shape is None:
        raise InvalidRequestError("a tenant is no thing of its own", field="facts.things")
    return Thing(
        kind=ref.kind,
        tenant=ref.tenant,
        name=ref.name,
        status=status or next(iter(shape.statuses), ""),
        owner=f"person:{_OWNER}" if "owner" in shape.needs else "",
        purpose="a question" if "purpose" in shape.needs else "",
    )
