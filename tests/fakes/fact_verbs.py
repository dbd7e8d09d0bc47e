"""The verbs on facts as doubles, and what they answer."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from broker.fact_history import EntryPage, EntryView, Noted
from broker.fact_orders import How, Outcome, Wish
from broker.fact_reach import Direction, ReachPage, ReachWish
from broker.fact_views import (
    Related,
    RelationshipFilter,
    RelationshipPage,
    Seen,
    ThingFilter,
    ThingPage,
    ThingView,
)
from broker.facts.change import HoldThing, Relate
from broker.facts.reach import Reached
from broker.http.fact_ports import Facts
from broker.ids import parse_lease_id, parse_task_id
from broker.model.fact import (
    Hold,
    Ref,
    Relation,
    Relationship,
    Thing,
    ThingKind,
    agent_ref,
)
from broker.model.principal import Principal
from broker.model.redecision import NoLonger
from broker.preview import Doomed
from tests.fakes.samples import LEASE, NOW_MS, TASK

T = TypeVar("T")

AGENT = agent_ref("acme", "invoice-bot")
TICKET = Ref(ThingKind.TICKET, "acme", "OPS-1")
EDGE = Relationship(AGENT, Relation.ASSIGNED_TO, TICKET, NOW_MS + 60_000)
HOLD = Hold("INC-7", "operator:olga", NOW_MS)
DIGEST = "ab" * 32


class Stage(Protocol):
    """What all doubles share: :class:`tests.fakes.services.Stage`."""

    async def play(self, verb: str, caller: Principal, *arguments: object, answer: T) -> T:
        """Record a call; then wait, fail or answer."""
        ...


def a_thing() -> Seen:
    """An agent that is held."""
    thing = Thing(
        kind=ThingKind.AGENT,
        tenant="acme",
        name="invoice-bot",
        source="desk",
        status="active",
        owner="person:olga",
        purpose="reconciles invoices",
        risk="low",
        review_by="2027-12-31",
        identities=("https://issuer.example bot-*",),
        quota=5,
        hold=HOLD,
    )
    return Seen(thing, stands=False)


def an_entry() -> Noted:
    """A revision that held an agent."""
    counts = {"hold": 1, "relate": 1}
    return Noted(7, NOW_MS, "operator:olga", "INC-7", "", counts, (str(AGENT), str(TICKET)))


def an_outcome(*, is_dry: bool = False) -> Outcome:
    """A change that one credential dies of."""
    lease, task = parse_lease_id(LEASE), parse_task_id(TASK)
    why = NoLonger("agent-held", gone=("agent:invoice-bot stands",))
    doomed = Doomed(lease, task, "acme", "invoice-bot", "orders-api", NOW_MS + 60_000, why)
    return Outcome(7, is_dry, 1, 1, (doomed,), DIGEST)


@dataclass
class FakeViews:
    """Looking at facts."""

    stage: Stage

    async def things(
        self, caller: Principal, which: ThingFilter, cursor: str, limit: int
    ) -> ThingPage:
        """List things."""
        page = ThingPage((a_thing(),), 7, "acme:agent:invoice-bot")
        return await self.stage.play("facts.things", caller, which, cursor, limit, answer=page)

    async def thing(self, caller: Principal, ref: str, tenant: str) -> ThingView:
        """Show a thing."""
        edge = Related(EDGE, counts=False)
        view = ThingView(a_thing(), (edge,), (), is_complete=True, revision=7)
        return await self.stage.play("facts.thing", caller, ref, tenant, answer=view)

    async def relationships(
        self, caller: Principal, which: RelationshipFilter, cursor: str, limit: int
    ) -> RelationshipPage:
        """List relationships."""
        page = RelationshipPage((Related(EDGE, counts=True),), 7, "")
        return await self.stage.play(
            "facts.relationships", caller, which, cursor, limit, answer=page
        )


@dataclass
class FakeReach:
    """Following relationships."""

    stage: Stage

    async def follow(
        self, caller: Principal, wish: ReachWish, cursor: str, limit: int
    ) -> ReachPage:
        """Follow them."""
        page = ReachPage(
            AGENT, Direction.FROM, (Reached(TICKET, (EDGE,)),), is_whole=True, revision=7, cursor=""
        )
        return await self.stage.play("facts.reach", caller, wish, cursor, limit, answer=page)


@dataclass
class FakeOrders:
    """Changing facts."""

    stage: Stage

    async def change(self, caller: Principal, wish: Wish) -> Outcome:
        """Change."""
        answer = an_outcome(is_dry=wish.how.is_dry)
        return await self.stage.play("facts.change", caller, wish, answer=answer)

    async def roll_back(self, caller: Principal, revision: int, how: How) -> Outcome:
        """Take back."""
        answer = an_outcome(is_dry=how.is_dry)
        return await self.stage.play("facts.roll_back", caller, revision, how, answer=answer)


@dataclass
class FakeHistory:
    """Looking back."""

    stage: Stage

    async def find(self, caller: Principal, tenant: str, cursor: str, limit: int) -> EntryPage:
        """List."""
        page = EntryPage((an_entry(),), "")
        return await self.stage.play("facts.history", caller, tenant, cursor, limit, answer=page)

    async def show(self, caller: Principal, revision: int, cursor: str, limit: int) -> EntryView:
        """Show."""
        view = EntryView(an_entry(), (HoldThing(AGENT, HOLD), Relate(EDGE)), "")
        return await self.stage.play("facts.revision", caller, revision, cursor, limit, answer=view)


def fake_facts(stage: Stage) -> Facts:
    """Put the doubles together."""
    return Facts(FakeViews(stage), FakeReach(stage), FakeOrders(stage), FakeHistory(stage))
