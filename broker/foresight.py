"""How many live credentials a change would end, and the brake before too many.

The digest of an outlook names the change, and which agents lose which capabilities by it: whoever
accepts it has seen that. Credentials of the same that come and go meanwhile make no other digest.
"""

import asyncio
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from broker.affected import Affected, by_impact
from broker.errors import UnavailableError, WouldKillManyError
from broker.facts.change import ChangeSet, HoldThing, encode, tenants_of
from broker.facts.facts import Facts
from broker.facts.impact import Impact, impact_of
from broker.model.fact import Hold, Ref
from broker.preview import Doomed, Foreseen

_AGENTS: Final = 64
"""Of so many it is asked what they hold, rather than to look at everything."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would die. Unless ``is_complete``, there may be more.

    Of ``unsure`` others it cannot be told: the engine that decides gave no answer about them.
    """

    deaths: int = 0
    dying: tuple[Doomed, ...] = ()
    digest: str = ""
    is_complete: bool = True
    unsure: int = 0


NOTHING: Final = Outlook()


class Foresees(Protocol):
    """Looks which live credentials would die under other facts: ``broker.preview``."""

    async def __call__(
        self, facts: Facts, tenants: Collection[str] | None, affected: Affected
    ) -> Foreseen:
        """Look at what is affected, of these tenants; None looks at all.

        Raises:
            UnavailableError: nothing is published here, or the ledger does not answer.
        """
        ...


class Stock(Protocol):
    """Tells cheaply what there is that could die."""

    async def held(self, of: str, name: str) -> int:
        """Return how many live credentials ``agent`` or ``tenant`` has at most: of which, its name.

        An agent's are those that it holds, and those below the root tasks that it has.
        """
        ...

    async def is_any(self, affected: Affected) -> bool:
        """Tell whether any task is in what is affected."""
        ...


class Foresight:
    """Looks ahead, one change at a time; more than ``brake`` credentials do not die unasked."""

    def __init__(self, foresees: Foresees, stock: Stock, *, brake: int) -> None:
        self._foresees = foresees
        self._stock = stock
        self._brake = brake
        self._one_at_a_time = asyncio.Semaphore(1)

    async def look(
        self, change: ChangeSet, before: Facts, after: Facts, *, is_exact: bool
    ) -> Outlook:
        """Tell what would die of a change; unless ``is_exact``, only if it could be too many.

        Where nothing is published, nothing can be foreseen, and nothing is held up: that policies
        cannot be loaded is no reason not to take access away (I5).
        """
        impact = impact_of(before, after, change)
        affected, tenants = by_impact(impact), _tenants(change)
        if not is_exact and not await self._stock.is_any(affected):
            return NOTHING
        is_of_agents = _is_of_agents(impact) and not _has_fallen(impact, before, after)
        names = impact.agents if is_of_agents else ()
        if not is_exact and await self._at_most(names, tenants) <= self._brake:
            return NOTHING
        async with self._one_at_a_time:
            try:
                found = await self._foresees(after, tenants, affected)
            except UnavailableError:
                return Outlook(is_complete=False)
        return outlook(found, _content(change))

    def require_few(self, outlook: Outlook, accept: str) -> None:
        """Let pass what ends few, or what was accepted.

        Raises:
            WouldKillManyError: it would end more than may die unasked.
        """
        require_few(outlook, self._brake, accept)

    async def _at_most(self, agents: Collection[str], tenants: Collection[str] | None) -> int:
        """Return a number that no fewer live credentials can be touched than: cheaply.

        With ``agents`` only what these hold can be touched.
        """
        if tenants is None:
            return self._brake + 1
        of_tenants = sum([await self._stock.held("tenant", each) for each in tenants])
        if of_tenants <= self._brake or not agents or len(agents) > _AGENTS:
            return of_tenants
        return sum([await self._stock.held("agent", each) for each in sorted(agents)])


def require_few(outlook: Outlook, brake: int, accept: str) -> None:
    """Let pass what ends no more than the brake allows, or what was accepted.

    That of which it cannot be told counts as what may end.

    Raises:
        WouldKillManyError: it would end more than may die unasked.
    """
    if may_end(outlook) > brake and accept != outlook.digest:
        raise WouldKillManyError(outlook.deaths, outlook.digest, outlook.unsure)


def may_end(outlook: Outlook) -> int:
    """Return how many live credentials end at most."""
    return outlook.deaths + outlook.unsure


def outlook(found: Foreseen, content: str) -> Outlook:
    """Name what was found: ``content`` is what would be changed."""
    unsure = ("", *sorted(found.unsure)) if found.unsure else ()
    words = (content, *sorted(found.agents), "", *sorted(found.capabilities), *unsure)
    digest = hashlib.sha256("\n".join(words).encode()).hexdigest()
    return Outlook(
        found.total,
        found.doomed,
        digest,
        is_complete=found.is_complete,
        unsure=sum(found.unsure.values()),
    )


def _is_of_agents(impact: Impact) -> bool:
    """Tell whether only what some agents hold can die."""
    others = impact.everything or impact.capabilities or impact.tenants
    return not others and not _named(impact)


def _has_fallen(impact: Impact, before: Facts, after: Facts) -> bool:
    """Tell whether one of the agents is not in order as it was.

    Then all that it has handed on is concerned, at any depth, and nobody counts that cheaply.
    """
    return any(_order(before, name) != _order(after, name) for name in impact.agents)


def _order(facts: Facts, name: str) -> tuple[object, ...]:
    agent = facts.agent(name)
    if agent is None:
        return ()
    stands = facts.stands(agent.ref), facts.owner_stands(agent.ref)
    return agent.tenant, stands, agent.review_by, agent.ceiling


def _named(impact: Impact) -> list[Ref]:
    """Return the things that a task or a context may name by themselves."""
    kinds = ("people", "teams", "tickets", "workflows", "datasets", "tools", "resources")
    return [ref for kind in kinds for ref in getattr(impact, kind)]


def _tenants(change: ChangeSet) -> Collection[str] | None:
    """Return whose credentials a change can touch; None is everybody's."""
    touched = tenants_of(change)
    return None if "" in touched else touched


def _content(change: ChangeSet) -> str:
    """Write a change without who gives the order and when: the same for whoever looked before."""
    plain = tuple(
        HoldThing(each.ref, Hold("", "", 0)) if isinstance(each, HoldThing) else each
        for each in change.changes
    )
    return encode(ChangeSet("", "", plain, change.source, change.exact)).decode()
