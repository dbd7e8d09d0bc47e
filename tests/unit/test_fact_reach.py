"""What a thing reaches, and what reaches it: within what an operator may see."""

from typing import Final

import pytest

from broker.errors import AccessDeniedError, InvalidRequestError, NotFoundError
from broker.fact_reach import Direction, FactReach, ReachWish
from broker.fact_views import FactViews
from broker.facts.base import Base, tenant_thing
from broker.facts.change import ChangeSet
from broker.facts.facts import Facts
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.model.principal import ALL_TENANTS, Kind, Principal
from tests.fakes.clock import FakeClock
from tests.fakes.facts import hold, put, relate

NOW_MS: Final = 1_000_000


def operator(*tenants: str, kind: Kind = Kind.OPERATOR) -> Principal:
    """Make an operator of tenants."""
    who = frozenset(tenants)
    return Principal(kind, "olga", who, "i", "https://issuer.example", "olga", NOW_MS * 2)


@pytest.fixture
def reach() -> FactReach:
    """An agent that reaches a dataset through a ticket; a shared team of two tenants' agents."""
    finance = Thing(kind=ThingKind.TEAM, tenant="", name="finance", source=BUNDLE)
    base = Base([tenant_thing("acme"), tenant_thing("globex"), finance])
    changes = (
        *(put("person:ann"), put("agent:abe"), put("ticket:T-1"), put("dataset:d")),
        *(put("dataset:all"), put("ticket:T-2"), hold("ticket:T-2"), put("agent:old")),
        *(put("person:ann", "globex"), put("agent:gus", "globex")),
        relate("agent:abe assigned-to ticket:T-1"),
        relate("agent:old assigned-to ticket:T-1", until=NOW_MS),
        relate("agent:abe assigned-to ticket:T-2"),
        relate("ticket:T-1 concerns dataset:d"),
        relate("dataset:d part-of dataset:all"),
        relate("agent:abe member-of team:/finance"),
        relate("agent:gus member-of team:/finance", "globex"),
    )
    facts = Facts(0, base).changed(ChangeSet("x", "y", changes), 7)
    return FactReach(FactViews(lambda: facts, FakeClock(NOW_MS)))


async def found(
    reach: FactReach, who: Principal, direction: str, ref: str, *, limit: int = 2
) -> dict[str, str]:
    """Follow to the end, and return what is reached by which way."""
    ways: dict[str, str] = {}
    cursor = ""
    while True:
        page = await reach.follow(who, ReachWish(Direction(direction), ref), cursor, limit)
        for each in page.ways:
            assert str(each.ref) not in ways
            ways[str(each.ref)] = "; ".join(str(edge.key) for edge in each.path)
        if not page.cursor:
            return ways
        cursor = page.cursor


async def test_it_goes_along_what_counts_now_nearest_first(reach: FactReach) -> None:
    """Not through what is held, nor along what has expired; each with its way."""
    to_dataset = "agent:abe assigned-to ticket:T-1; ticket:T-1 concerns dataset:d"
    assert list((await found(reach, operator("acme"), "from", "agent:abe")).items()) == [
        ("ticket:T-1", "agent:abe assigned-to ticket:T-1"),
        ("team:/finance", "agent:abe member-of team:/finance"),
        ("dataset:d", to_dataset),
        ("dataset:all", f"{to_dataset}; dataset:d part-of dataset:all"),
    ]


async def test_it_goes_back_from_an_object(reach: FactReach) -> None:
    """A way is written from the subject to the object, whichever way it was followed."""
    assert await found(reach, operator("acme"), "to", "dataset:d", limit=1) == {
        "ticket:T-1": "ticket:T-1 concerns dataset:d",
        "agent:abe": "agent:abe assigned-to ticket:T-1; ticket:T-1 concerns dataset:d",
    }


async def test_of_a_shared_team_each_sees_its_own_members(reach: FactReach) -> None:
    """I16."""
    assert list(await found(reach, operator("acme"), "to", "team:finance")) == ["agent:abe"]
    assert list(await found(reach, operator("globex"), "to", "team:finance")) == ["agent:gus"]
    everybody = await found(reach, operator(ALL_TENANTS), "to", "team:/finance")
    assert sorted(everybody) == ["agent:abe", "agent:gus"]


async def test_foreign_and_absent_are_the_same(reach: FactReach) -> None:
    """And to nobody but operators anything is shown."""
    for ref in ("ticket:T-1", "ticket:T-99"):
        with pytest.raises(NotFoundError, match="no such thing"):
            await found(reach, operator("globex"), "from", ref)
    with pytest.raises(AccessDeniedError):
        await found(reach, operator("acme", kind=Kind.AGENT), "from", "agent:abe")
    with pytest.raises(InvalidRequestError):
        await reach.follow(operator("acme"), ReachWish(Direction.FROM, "agent:abe"), "x:y:z", 5)
