"""The verbs on facts, as the edge calls them. ``broker.verbs`` hands the real ones in."""

from dataclasses import dataclass
from typing import Protocol

from broker.fact_history import EntryPage, EntryView
from broker.fact_orders import How, Outcome, Wish
from broker.fact_reach import ReachPage, ReachWish
from broker.fact_views import (
    RelationshipFilter,
    RelationshipPage,
    ThingFilter,
    ThingPage,
    ThingView,
)
from broker.model.principal import Principal


class Views(Protocol):
    """:class:`broker.fact_views.FactViews`."""

    async def things(
        self, caller: Principal, which: ThingFilter, cursor: str, limit: int
    ) -> ThingPage:
        """Page through things."""
        ...

    async def thing(self, caller: Principal, ref: str, tenant: str) -> ThingView:
        """Show a thing."""
        ...

    async def relationships(
        self, caller: Principal, which: RelationshipFilter, cursor: str, limit: int
    ) -> RelationshipPage:
        """Page through relationships."""
        ...


class Reaching(Protocol):
    """:class:`broker.fact_reach.FactReach`."""

    async def follow(
        self, caller: Principal, wish: ReachWish, cursor: str, limit: int
    ) -> ReachPage:
        """Page through what is reached."""
        ...


class Orders(Protocol):
    """:class:`broker.fact_orders.FactOrders`."""

    async def change(self, caller: Principal, wish: Wish) -> Outcome:
        """Change facts."""
        ...

    async def roll_back(self, caller: Principal, revision: int, how: How) -> Outcome:
        """Take a revision back."""
        ...


class History(Protocol):
    """:class:`broker.fact_history.FactHistory`."""

    async def find(self, caller: Principal, tenant: str, cursor: str, limit: int) -> EntryPage:
        """Page through what was changed."""
        ...

    async def show(self, caller: Principal, revision: int, cursor: str, limit: int) -> EntryView:
        """Show a revision."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """All of them."""

    views: Views
    reach: Reaching
    orders: Orders
    history: History
