"""What is wrong with one change of a set, seen together with the others."""

from collections.abc import Iterator

from broker.facts.change import (
    Change,
    ChangeSet,
    DropThing,
    HoldThing,
    LiftHold,
    PutThing,
    Relate,
    Unrelate,
)
from broker.facts.facts import Facts
from broker.facts.fields import (
    MAX_INSTANT_MS,
    FieldFault,
    reason_faults,
    ref_faults,
    source_faults,
    text_faults,
    thing_faults,
)
from broker.facts.relations import JOINS, crosses_tenants, may_join
from broker.model.fact import BUNDLE, Ref, Relationship, Thing, ThingKind, tenant_ref

_IN_BUNDLE = "is declared in agents.yaml"
_RETIRED = "retired"
_SHOWN = 3
"""How many names a fault gives as examples."""


class Judge:
    """Knows the facts before and after the whole set."""

    def __init__(self, before: Facts, after: Facts, change: ChangeSet, now_ms: int) -> None:
        self._before = before
        self._after = after
        self._change = change
        self._now_ms = now_ms
        self._dropped = {each.ref for each in change.changes if isinstance(each, DropThing)}
        self._agents = _agents_put(change)

    def faults(self, change: Change) -> Iterator[FieldFault]:
        """Find what is wrong with one change."""
        match change:
            case PutThing(thing=thing):
                return self._put(thing)
            case DropThing():
                return self._drop(change)
            case Relate(relationship=relationship):
                return self._relate(relationship)
            case Unrelate():
                return self._unrelate(change)
            case HoldThing():
                return self._hold(change)
            case LiftHold(ref=ref):
                return self._lift(ref)

    def _put(self, thing: Thing) -> Iterator[FieldFault]:
        found = [*thing_faults(thing), *(source_faults(thing.source) if self._change.exact else ())]
        yield from found
        if found:
            return
        ref = thing.ref
        if ref in self._before.base.things:
            yield ("thing", _IN_BUNDLE, "change it there and run `broker apply`")
        if tenant_ref(ref.tenant) not in self._before.base.things:
            yield ("thing.tenant", "is no registered tenant", "register it in agents.yaml")
        if ref.kind is ThingKind.AGENT:
            yield from self._name_faults(ref)
            yield from self._retired_faults(thing)
        if self._before.thing(ref) is None:
            yield from self._heir_faults(ref)
        yield from self._owner_faults(ref)
        known = self._before.logged(ref)
        yield from self._source_faults("thing", known.source if known else "")

    def _name_faults(self, ref: Ref) -> Iterator[FieldFault]:
        """Find whether an agent's name is another's: agents are known by their names alone."""
        known = self._before.agent(ref.name)
        if (known is not None and known.ref != ref) or len(self._agents[ref.name]) > 1:
            yield ("thing.name", "is another agent's name", "choose another name")

    def _retired_faults(self, agent: Thing) -> Iterator[FieldFault]:
        """Find whether it would come back that was ended for good. Only rolling that back may."""
        known = self._before.logged(agent.ref)
        is_back = known is not None and known.status == _RETIRED != agent.status
        if is_back and not self._change.exact:
            yield ("thing.status", "is retired, and that is final", "register another agent")

    def _heir_faults(self, ref: Ref) -> Iterator[FieldFault]:
        """Find what a new thing would inherit from one of its name that the bundle gave up."""
        left = {edge.key for edge in self._before.above(ref)}
        left &= {edge.key for edge in self._after.above(ref)}
        below = set(self._before.below(ref)) & set(self._after.below(ref))
        names = [*map(str, sorted(left)), *(f"{subject} to it" for subject in sorted(below))]
        if names:
            message = f"has relationships of a former one: {_some(names)}"
            yield ("thing", message, "end them first, or in the same set")

    def _owner_faults(self, ref: Ref) -> Iterator[FieldFault]:
        owner = self._after.owner_of(ref)
        if owner is not None and self._after.thing(owner) is None:
            yield ("thing.owner", f"{owner} is unknown", "put it in the same set or before")

    def _source_faults(self, field: str, source: str) -> Iterator[FieldFault]:
        """Find whether one source would change what another one declares; people may."""
        mine = self._change.source
        if mine and source and source != mine and not self._change.exact:
            yield (field, f"is declared by {source}", "change it there, or let that give it up")

    def _drop(self, drop: DropThing) -> Iterator[FieldFault]:
        ref = drop.ref
        known = self._before.logged(ref)
        if known is None:
            is_base = ref in self._before.base.things
            yield ("ref", _IN_BUNDLE, "change it there") if is_base else _unknown("ref", ref)
            return
        yield from self._source_faults("ref", known.source)
        if self._before.hold(ref) is not None:
            yield ("ref", "is held", "lift the hold first: dropping must not end it")
        if self._after.thing(ref) is None:
            yield from self._left_behind(ref)

    def _left_behind(self, ref: Ref) -> Iterator[FieldFault]:
        """Find what would point at nothing: relationships, and whose owner it is."""
        edges = [str(edge.key) for edge in self._after.above(ref)]
        edges += [f"{subject} to it" for subject in self._after.below(ref)]
        if edges:
            remedy = "end them in the same set, or drop with cascade"
            yield ("ref", f"has relationships: {_some(edges)}", remedy)
        owned = [str(each) for each in self._after.owned(ref)]
        if owned:
            yield ("ref", f"owns {_some(owned)}", "give them another owner in the same set")

    def _relate(self, each: Relationship) -> Iterator[FieldFault]:
        ends = (("relationship.subject", each.subject), ("relationship.object", each.object))
        malformed = [fault for field, ref in ends for fault in ref_faults(field, ref)]
        malformed += source_faults(each.source) if self._change.exact else ()
        yield from malformed
        yield from self._expiry_faults(each)
        if malformed:
            return
        yield from _join_faults(each)
        for field, ref in ends:
            if self._after.thing(ref) is None or ref in self._dropped:
                yield _unknown(field, ref)
        known = self._before.relationship(each.key)
        if known is not None and known.source == BUNDLE:
            yield ("relationship", _IN_BUNDLE, "change it there and run `broker apply`")
        yield from self._source_faults("relationship", known.source if known else "")

    def _expiry_faults(self, each: Relationship) -> Iterator[FieldFault]:
        if not 0 <= each.expires_at_ms <= MAX_INSTANT_MS:
            yield ("relationship.expires_at_ms", "is no instant", "write ms since 1970, or 0")
        elif not each.counts_at(self._now_ms):
            yield ("relationship.expires_at_ms", "has passed", "write a later instant, or 0")

    def _unrelate(self, each: Unrelate) -> Iterator[FieldFault]:
        known = self._before.relationship(each.key)
        if known is None:
            yield ("subject", f"no relationship {str(each.key)[:320]}", "look what there is")
        elif known.source == BUNDLE:
            yield ("subject", _IN_BUNDLE, "change it there and run `broker apply`")
        else:
            yield from self._source_faults("subject", known.source)

    def _hold(self, each: HoldThing) -> Iterator[FieldFault]:
        yield from reason_faults("hold.reason", each.hold.reason)
        yield from text_faults("hold.by", each.hold.by)
        if not 0 <= each.hold.at_ms <= MAX_INSTANT_MS:
            yield ("hold.at_ms", "is no instant", "write ms since 1970")
        if self._after.thing(each.ref) is None:
            yield _unknown("ref", each.ref)

    def _lift(self, ref: Ref) -> Iterator[FieldFault]:
        if self._before.hold(ref) is None:
            thing = self._before.thing(ref)
            is_retired = thing is not None and thing.status == _RETIRED
            how = "not held but retired" if is_retired else "not held"
            yield ("ref", f"{_said(ref)} is {how}", "look what is held")


def _agents_put(change: ChangeSet) -> dict[str, set[str]]:
    """Return the tenants in which a set puts an agent of each name."""
    found: dict[str, set[str]] = {}
    for each in change.changes:
        if isinstance(each, PutThing) and each.thing.kind is ThingKind.AGENT:
            found.setdefault(each.thing.name, set()).add(each.thing.tenant)
    return found


def _join_faults(each: Relationship) -> Iterator[FieldFault]:
    if not may_join(each.subject, each.relation, each.object):
        pairs = sorted(f"{s.value} → {o.value}" for s, o in JOINS[each.relation])
        joined = f"{each.subject.kind.value} → {each.object.kind.value}"
        message = f"{each.relation.value} does not join {joined}"
        yield ("relationship.relation", message, f"it joins: {', '.join(pairs)}")
    if crosses_tenants(each.subject, each.object):
        yield ("relationship.object", "is of another tenant", "relate within one tenant")


def _unknown(field: str, ref: Ref) -> FieldFault:
    return (field, f"{_said(ref)} is unknown", "put it in the same set or before")


def _said(ref: Ref) -> str:
    """Name it; what is no name may be long."""
    return str(ref)[:160]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
