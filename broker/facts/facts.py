"""Everything that is known, at one revision of the log over one bundle."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from msgspec.structs import replace

from broker.facts import draft
from broker.facts.base import Base
from broker.facts.change import Change, ChangeSet
from broker.facts.loading import loaded
from broker.facts.owners import is_stated_freely, owner_of
from broker.facts.relations import stands_by_itself
from broker.facts.slices import Slice, slice_of
from broker.facts.tables import Tables
from broker.model.fact import Hold, Ref, Relationship, RelationshipKey, Thing, ThingKind, tenant_ref

HELD_ELSEWHERE: Final = "held in the tenant that it was in before"
"""What is said of who held an agent, and why, in another tenant than the hold was laid in."""


class Facts:
    """An immutable copy. A changed one shares what did not change: earlier revisions cost little.

    What the bundle declares comes before what the log says of the same name. An agent of the log
    whose name the bundle gives to another tenant is nobody, and nothing is known in a tenant that
    the bundle has given up.
    """

    __slots__ = ("_tables", "base", "revision")

    def __init__(
        self, revision: int = 0, base: Base | None = None, tables: Tables | None = None
    ) -> None:
        self.revision = revision
        self.base = Base() if base is None else base
        self._tables = Tables() if tables is None else tables

    @classmethod
    def at(cls, revision: int, changes: Iterable[Change], base: Base | None = None) -> "Facts":
        """Build it from what :meth:`changes` gave, in any number of pieces."""
        return cls(revision, base, loaded(changes))

    def over(self, base: Base) -> "Facts":
        """Return the same log over another bundle."""
        return Facts(self.revision, base, self._tables)

    def changed(self, change: ChangeSet, revision: int) -> "Facts":
        """Return the facts after a set of changes, which must have been checked."""
        return Facts(revision, self.base, draft.changed(self._tables, change))

    def changed_by(self, changes: Iterable[ChangeSet], revision: int) -> "Facts":
        """Return the facts after sets of changes, one after the other, for little more than one."""
        return Facts(revision, self.base, draft.changed(self._tables, *changes))

    def changes(self) -> Iterator[Change]:
        """Yield what builds the log's part out of nothing, for :meth:`at`: a snapshot."""
        return self._tables.changes()

    def thing(self, ref: Ref) -> Thing | None:
        """Return a thing, whether it stands or not, with its hold; None when nobody knows it."""
        thing = self.base.things.get(ref)
        if thing is None:
            thing = self._tables.things.get(ref)
            if thing is None or self._is_no_more(ref):
                return None
        hold = self._hold_of(ref)
        return thing if hold is None else replace(thing, hold=hold)

    def logged(self, ref: Ref) -> Thing | None:
        """Return what the log itself says of a thing, without hold."""
        return self._tables.things.get(ref)

    def logged_things(self) -> Iterator[Thing]:
        """Yield what the log itself says, in no order, without holds."""
        return self._tables.things.values()

    def hold(self, ref: Ref) -> Hold | None:
        """Return the hold on a name, even when nobody knows the thing any more.

        An agent's goes with it: it is to be seen, and lifted, in the tenant that the agent is in.
        """
        if ref.kind is ThingKind.AGENT and self._home_of(ref) != ref:
            return None
        return self._hold_of(ref)

    def stands(self, ref: Ref) -> bool:
        """Tell whether a thing passes on what reaches through it. What is unknown never does."""
        thing = self.thing(ref)
        return thing is not None and stands_by_itself(thing)

    def agent(self, name: str) -> Thing | None:
        """Return the agent of that name, in whatever tenant."""
        ref = self._agent_ref(name)
        return None if ref is None else self.thing(ref)

    def agents(self) -> Iterator[Ref]:
        """Yield where every known agent is, the bundle's first, in no order."""
        yield from self.base.agents.values()
        for name, ref in self._tables.agents.items():
            if name not in self.base.agents and not self._is_no_more(ref):
                yield ref

    def tenant_hold(self, tenant: str) -> Hold | None:
        """Return the hold on a tenant as a whole."""
        return self.hold(tenant_ref(tenant))

    def owner_of(self, ref: Ref) -> Ref | None:
        """Return who answers for a thing; None when that is nobody who could be registered."""
        thing = self.thing(ref)
        return None if thing is None else owner_of(thing)

    def owner_stands(self, ref: Ref) -> bool:
        """Tell whether nothing is to be said against a thing's owner.

        An owner must stand. Only the free text of ``agents.yaml`` may name somebody whom nobody
        registered, and what has no owner needs none.
        """
        thing = self.thing(ref)
        if thing is None:
            return False
        owner = owner_of(thing)
        if owner is None or (is_stated_freely(thing) and self.thing(owner) is None):
            return is_stated_freely(thing) or not thing.owner
        return self.stands(owner)

    def relationship(self, key: RelationshipKey) -> Relationship | None:
        """Return a relationship, of the bundle or the log, whether it counts or not."""
        for edge in self.above(key.subject):
            if edge.object == key.object and edge.relation is key.relation:
                return edge
        return None

    def above(self, ref: Ref) -> tuple[Relationship, ...]:
        """Return all relationships of which a thing is the subject, whether they count or not."""
        base = self.base.above.get(ref)
        logged = self._tables.above.get(ref) or ()
        return logged if base is None else (*base, *logged)

    def below(self, ref: Ref) -> tuple[Ref, ...]:
        """Return the subjects of all relationships to a thing, whether they count or not."""
        base = self.base.below.get(ref)
        logged = self._tables.below.get(ref) or ()
        return logged if base is None else tuple(dict.fromkeys((*base, *logged)))

    def owned(self, ref: Ref) -> tuple[Ref, ...]:
        """Return the things that name this one as their owner."""
        base = self.base.owned.get(ref)
        logged = self._tables.owned.get(ref) or ()
        return logged if base is None else (*base, *logged)

    def counting(self, ref: Ref, now_ms: int) -> Iterator[Relationship]:
        """Yield the relationships of a thing that count now: in time, and both ends stand."""
        if self.stands(ref):
            for edge in self.above(ref):
                if edge.counts_at(now_ms) and self.stands(edge.object):
                    yield edge

    def parents(self, ref: Ref, now_ms: int) -> tuple[Ref, ...]:
        """Return what a thing is directly in, now. Each once."""
        return tuple(dict.fromkeys(edge.object for edge in self.counting(ref, now_ms)))

    def slice(self, roots: Iterable[Ref], now_ms: int) -> Slice:
        """Return the roots and everything above them, as it counts now.

        Raises:
            TooManyFactsError: it is too much to decide on.
        """
        return slice_of(self, roots, now_ms)

    def things(self) -> Iterator[Thing]:
        """Yield every thing, the bundle's first, in no order, each with its hold."""
        logged = (thing.ref for thing in self._tables.things.values())
        fresh = (ref for ref in logged if ref not in self.base.things)
        known = map(self.thing, chain(self.base.things, fresh))
        yield from (thing for thing in known if thing is not None)

    def relationships(self) -> Iterator[Relationship]:
        """Yield every relationship, the bundle's first, in no order."""
        for edges in (*self.base.above.values(), *self._tables.above.values()):
            yield from edges

    def held(self) -> Iterator[tuple[Ref, Hold]]:
        """Yield all holds."""
        return self._tables.holds.items()

    @property
    def size(self) -> tuple[int, int]:
        """How many things and relationships the log has."""
        return len(self._tables.things), self._tables.relationships

    def _hold_of(self, ref: Ref) -> Hold | None:
        """Return the hold on a name; on an agent's whatever tenant it was in when it was held.

        Who said why goes nowhere: it was said in that tenant (I16).
        """
        if ref.kind is not ThingKind.AGENT:
            return self._tables.holds.get(ref)
        where = self._tables.held_agents.get(ref.name)
        hold = None if where is None else self._tables.holds.get(where)
        if hold is None or where is None or where.tenant == ref.tenant:
            return hold
        return Hold(HELD_ELSEWHERE, HELD_ELSEWHERE, hold.at_ms)

    def _home_of(self, agent: Ref) -> Ref | None:
        """Return where an agent of that name is; if it is nowhere, where it was held."""
        return self._agent_ref(agent.name) or self._tables.held_agents.get(agent.name)

    def _agent_ref(self, name: str) -> Ref | None:
        return self.base.agents.get(name) or self._tables.agents.get(name)

    def _is_no_more(self, ref: Ref) -> bool:
        """Tell whether the bundle has no such tenant, or gives an agent's name to another one."""
        tenants = self.base.tenants
        if tenants and ref.tenant not in tenants:
            return True
        return ref.kind is ThingKind.AGENT and self.base.agents.get(ref.name, ref) != ref
