"""Looking at agents, for operators of their tenant: who is registered, and what is live of each.

Policy is not asked and need not be loadable: whoever may take access away sees what there is (I5).
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from broker.cursor import foreign
from broker.cuts import Cuts, StandingCut
from broker.errors import NotFoundError
from broker.governance.registered import Registered
from broker.governance.roster import Enrolled
from broker.listing import Listing
from broker.live_credentials import Held, LiveCredentials
from broker.model.principal import Principal
from broker.model.requests import AgentFilter, SelectorKind, TaskFilter
from broker.model.task import Task
from broker.ownership import is_operator_of, require_operator
from broker.store.cut_ledger import Cut
from broker.store.ledger_clock import LedgerClock
from broker.store.quotas import QuotaLedger

_LOOKS: Final = 5_000
"""Records looked at for one page: a few milliseconds, however few of them are wanted."""

_TASKS: Final = 200
"""Open tasks counted, and of these shown:"""
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Agent:
    """A registered agent. Its ``quota`` is of live credentials, of which ``in_use`` are taken."""

    enrolled: Enrolled
    quota: int
    in_use: int


@dataclass(frozen=True, slots=True)
class AgentPage:
    """One page of agents; ``cursor`` is empty on the last one."""

    agents: tuple[Agent, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class OpenTasks:
    """An agent's open tasks: how many, and the first of them.

    Unless ``is_complete``, there are more, or may be.
    """

    count: int
    first: tuple[Task, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent, and what is live of it now; ``cuts`` are those that cover all that is its."""

    agent: Agent
    tasks: OpenTasks
    held: Held
    cuts: tuple[StandingCut, ...]


class Agents:
    """Looks agents up. ``default_quota`` is of those that state none."""

    def __init__(
        self,
        *,
        registered: Callable[[], Registered],
        default_quota: int,
        quotas: QuotaLedger,
        listing: Listing,
        credentials: LiveCredentials,
        cuts: Cuts,
        clock: LedgerClock,
    ) -> None:
        self._registered = registered
        self._default_quota = default_quota
        self._quotas = quotas
        self._listing = listing
        self._credentials = credentials
        self._cuts = cuts
        self._clock = clock
        self._one_at_a_time = asyncio.Semaphore(1)

    async def find(
        self, caller: Principal, which: AgentFilter, cursor: str, limit: int
    ) -> AgentPage:
        """Page through the agents of the caller's tenants, by tenant and name.

        A page can be short before the end: the cursor tells.

        Raises:
            AccessDeniedError: the caller is no operator.
            InvalidRequestError: the cursor is none of this list.
            UnavailableError: nobody is registered, or the ledger does not answer.
        """
        require_operator(caller)
        after, roster, now_ms = _parse(cursor), self._registered().roster, await self._now_ms()
        agents = roster.beyond(_tenants(caller, which), *after, now_ms)
        async with self._one_at_a_time:
            found, end = await asyncio.to_thread(_page, agents, which, limit)
        told = await asyncio.gather(*(self._agent(each, now_ms) for each in found))
        return AgentPage(tuple(told), end)

    async def show(self, caller: Principal, name: str) -> AgentView:
        """Return an agent with what is live of it.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: there is no such agent, or it is another tenant's.
            UnavailableError: nobody is registered, or the ledger does not answer.
        """
        require_operator(caller)
        roster, now_ms = self._registered().roster, await self._now_ms()
        enrolled = roster.find(name, now_ms)
        if enrolled is None or not is_operator_of(caller, enrolled.thing.tenant):
            raise NotFoundError("no such agent")
        tenant = enrolled.thing.tenant
        agent, tasks, held, standing = await asyncio.gather(
            self._agent(enrolled, now_ms),
            self._tasks(caller, name, tenant),
            self._credentials.of(name, tenant, now_ms),
            self._cuts.find(caller),
        )
        covering = tuple(each for each in standing if _covers(each.cut, name, tenant))
        return AgentView(agent, tasks, held, covering)

    async def _now_ms(self) -> int:
        return max(await self._clock.servers())

    async def _agent(self, enrolled: Enrolled, now_ms: int) -> Agent:
        thing = enrolled.thing
        in_use = await self._quotas.used("agent", thing.name, now_ms)
        return Agent(enrolled, thing.quota or self._default_quota, in_use)

    async def _tasks(self, caller: Principal, name: str, tenant: str) -> OpenTasks:
        wanted = TaskFilter(tenant=tenant, agent=name, state="open")
        page = await self._listing.find(caller, wanted, "", _TASKS)
        return OpenTasks(len(page.tasks), page.tasks[:_SHOWN], is_complete=not page.cursor)


def _tenants(caller: Principal, which: AgentFilter) -> frozenset[str]:
    if not which.tenant:
        return caller.tenants
    return frozenset({which.tenant}) if caller.answers_for(which.tenant) else frozenset()


def _page(agents: Iterator[Enrolled], which: AgentFilter, limit: int) -> tuple[list[Enrolled], str]:
    """Take what is wanted, and say where the next page begins; "" is nowhere."""
    found: list[Enrolled] = []
    end = ""
    for looked, each in enumerate(agents):
        if len(found) == limit or looked == _LOOKS:
            return found, end
        end = _write(each)
        if _matches(which, each):
            found.append(each)
    return found, ""


def _matches(which: AgentFilter, agent: Enrolled) -> bool:
    return (
        which.status in ("", agent.thing.status)
        and which.team in ("", *agent.teams)
        and (not which.name or fnmatchcase(agent.thing.name, which.name))
    )


def _covers(cut: Cut, name: str, tenant: str) -> bool:
    if cut.tenant not in ("", tenant):
        return False
    match cut.of:
        case SelectorKind.ALL:
            return True
        case SelectorKind.TENANT:
            return cut.name == tenant
        case SelectorKind.AGENT:
            return cut.name == name
        case _:
            return False


def _parse(cursor: str) -> tuple[str, str]:
    """Read a place: a tenant and a name, neither of which can hold a colon."""
    tenant, colon, name = cursor.partition(":")
    if (cursor and not (colon and tenant and name)) or ":" in name:
        raise foreign("list")
    return tenant, name


def _write(agent: Enrolled) -> str:
    return f"{agent.thing.tenant}:{agent.thing.name}"
