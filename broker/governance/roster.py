"""The registered agents in their one order, tenant by tenant, so that a list can have pages."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from broker.facts.facts import Facts
from broker.facts.review import is_overdue
from broker.model.fact import Ref, Relation, Thing
from broker.model.principal import ALL_TENANTS


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An agent with its hold, its teams whoever stated them, and whether its review was missed."""

    thing: Thing
    teams: tuple[str, ...]
    is_overdue: bool


class Roster:
    """All agents of the bundle and of the facts log, whatever their status. Immutable."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def find(self, name: str, now_ms: int) -> Enrolled | None:
        """Return an agent as it is at an instant."""
        thing = self._facts.agent(name)
        return None if thing is None else self._enrolled(thing, now_ms)

    def beyond(
        self, tenants: Collection[str], tenant: str, name: str, now_ms: int
    ) -> Iterator[Enrolled]:
        """Yield the tenants' agents that come after a place, by tenant and name.

        No other tenant's agent is looked at, so a place that is written down names none (I16).
        Putting them in order takes time that grows with how many there are: a thread's work.
        """
        for ref in sorted(self._places(tenants, (tenant, name)), key=_place):
            thing = self._facts.thing(ref)
            if thing is not None:
                yield self._enrolled(thing, now_ms)

    def _places(self, tenants: Collection[str], after: tuple[str, str]) -> Iterator[Ref]:
        is_all = ALL_TENANTS in tenants
        for ref in self._facts.agents():
            if (is_all or ref.tenant in tenants) and _place(ref) > after:
                yield ref

    def _enrolled(self, thing: Thing, now_ms: int) -> Enrolled:
        teams = {
            edge.object.name
            for edge in self._facts.above(thing.ref)
            if edge.relation is Relation.MEMBER_OF and edge.counts_at(now_ms)
        }
        return Enrolled(thing, tuple(sorted(teams)), is_overdue(thing, now_ms))


def _place(ref: Ref) -> tuple[str, str]:
    return ref.tenant, ref.name
