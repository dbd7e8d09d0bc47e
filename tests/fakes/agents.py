"""The verb on agents as a double, and what it answers."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from broker.agents import Agent, AgentPage, AgentView, OpenTasks
from broker.governance.roster import Enrolled
from broker.live_credentials import Held
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.model.principal import Principal
from broker.model.requests import AgentFilter
from tests.fakes.samples import NOW_MS, a_task

T = TypeVar("T")


class Stage(Protocol):
    """What all doubles share: :class:`tests.fakes.services.Stage`."""

    async def play(self, verb: str, caller: Principal, *arguments: object, answer: T) -> T:
        """Record a call; then wait, fail or answer."""
        ...


def an_agent() -> Agent:
    """A registered agent of tenant acme."""
    thing = Thing(
        kind=ThingKind.AGENT,
        tenant="acme",
        name="invoice-bot",
        source=BUNDLE,
        owner="finance@acme.example",
        purpose="reconciles invoices",
        status="active",
        risk="low",
    )
    return Agent(Enrolled(thing, ("finance",), is_overdue=False), quota=500, in_use=1)


@dataclass
class FakeAgents:
    """Looking at agents."""

    stage: Stage

    async def find(
        self, caller: Principal, which: AgentFilter, cursor: str, limit: int
    ) -> AgentPage:
        """List."""
        page = AgentPage((an_agent(),), "acme:invoice-bot")
        return await self.stage.play("agents.find", caller, which, cursor, limit, answer=page)

    async def show(self, caller: Principal, name: str) -> AgentView:
        """Show."""
        held = Held(1, {"orders-api": 1}, NOW_MS + 300_000, NOW_MS, is_complete=True)
        tasks = OpenTasks(1, (a_task(),), is_complete=False)
        answer = AgentView(an_agent(), tasks, held, ())
        return await self.stage.play("agents.show", caller, name, answer=answer)
