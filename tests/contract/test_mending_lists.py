"""Lists that differ are mended by order, with or without brokers; another's are left alone."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from broker.bans import Bans
from broker.comparing_lists import Document, ListComparing, ListComparison
from broker.faultpoints import FaultPoints
from broker.mending_lists import LOOKS, ListOrder, MendingLists
from broker.model.ban import ListName
from broker.store.link import Link
from broker.targets.targets import Targets
from tests.fakes.ledger_kit import MINUTE
from tests.fakes.list_brokers import Brokers, tasks_of
from tests.fakes.toy_list import ListTarget

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


@pytest.fixture
def toys() -> Iterator[ListTarget]:
    """A target with a list."""
    with ListTarget() as target:
        yield target


@pytest.fixture
async def brokers(link: Link, toys: ListTarget) -> AsyncIterator[Brokers]:
    """Two brokers."""
    made = Brokers(link, toys)
    yield made
    await made.stop()


class Order:
    """An operator's order."""

    def __init__(self, brokers: Brokers, *, is_taking_over: bool = False) -> None:
        self._brokers = brokers
        self._order = ListOrder("operator:alice", "a test", is_taking_over=is_taking_over)
        self.pauses = 0
        self.before: list[ListComparison] = []

    async def give(self, *foreseen: ListName) -> dict[ListName, ListComparison]:
        """Compare, and have mended what differs."""
        ledger = self._brokers.ledger
        comparing = ListComparing(ledger.bans, sleep=self._at_once)
        self.before = await comparing.compare([self._brokers.target], foreseen=foreseen)
        bans = Bans.over(ledger, Targets([self._brokers.target]), FaultPoints())
        mending = MendingLists(
            ledger.bans, ledger.reconciliations, comparing, bans, sleep=self._pause
        )
        try:
            return await mending.mend({"yard": self._brokers.target}, self.before, self._order)
        finally:
            await bans.stop()

    async def told(self) -> list[dict[str, Any]]:
        """Return what the audit trail will have of it."""
        told = await self._brokers.kit.told("t_00_")
        return [
            {"type": each["type"], **json.loads(each["detail"])}
            for each in told
            if each["type"].startswith("list.")
        ]

    async def _at_once(self, _seconds: float) -> None:
        """Wait for nothing."""

    async def _pause(self, _seconds: float) -> None:
        self.pauses += 1


async def idle(brokers: Brokers) -> None:
    """Let there be a list in which nothing must stand any more."""
    found = await brokers.ended()
    await brokers.kill(0, found)
    (name,) = await brokers.ledger.bans.names()
    where = brokers.kit.keys.bans(name.digest)
    later = found.expires_at_ms + 10 * MINUTE
    await brokers.kit.link.read("HSET", where.meta, "now", later, "looked", 0)
    await brokers.all[0].look()
    await brokers.all[0].rested()
    assert brokers.toys.entries() == set()


async def test_what_is_missing_stands_again_though_somebody_looked_a_moment_ago(
    brokers: Brokers,
) -> None:
    """Though no broker runs; who ordered it, why and what is told before, and the outcome after."""
    found = await brokers.ended()
    await brokers.kill(0, found)
    document = dict(brokers.toys.documents["main"])
    brokers.toys.documents["main"] = {**document, "entries": []}
    order = Order(brokers)

    (mended,) = (await order.give()).values()

    assert order.before[0].missing == tasks_of([found])
    assert (mended.is_well, order.pauses) == (True, 0)
    assert brokers.toys.documents["main"] == document
    which = {"target": "yard", "identity": "toy-1", "list": "main"}
    said = {"by": "operator:alice", "reason": "a test", "document": "ours"}
    assert await order.told() == [
        {"type": "list.ordered", **which, **said, "missing": 1, "left_over": 0},
        {"type": "list.mended", **which, "state": "mended"},
    ]


async def test_what_nobody_looks_after_any_more_is_mended_by_order(brokers: Brokers) -> None:
    """Left over in a list in which nothing must stand: no broker would come by itself."""
    await idle(brokers)
    (name,) = await brokers.ledger.bans.names()
    mark = (await brokers.ledger.bans.peek(name)).desired.mark
    left = {"entries": ["t_00_left"], "before": 0, "mark": mark}
    brokers.toys.documents["main"] = left
    await brokers.forget_looks()
    await brokers.all[0].look()
    await brokers.all[0].rested()
    assert brokers.toys.entries() == {"t_00_left"}

    (mended,) = (await Order(brokers).give()).values()

    assert mended.is_well
    assert brokers.toys.entries() == set()


@pytest.mark.parametrize("mark", ["anotherr3", ""])
async def test_another_s_list_in_which_nothing_must_stand_is_left_alone(
    brokers: Brokers, mark: str
) -> None:
    """Also when a broker looks afterwards."""
    await idle(brokers)
    theirs = {"entries": ["t_00_theirs"], "before": 0, "mark": mark}
    brokers.toys.documents["main"] = theirs
    order = Order(brokers)

    assert await order.give() == {}
    await brokers.all[1].look()
    await brokers.all[1].rested()

    assert order.before[0].document in (Document.FOREIGN, Document.UNMARKED)
    assert brokers.toys.documents["main"] == theirs


async def test_another_s_list_in_which_something_must_stand_is_taken_over(
    brokers: Brokers,
) -> None:
    """By the rule of every write: whom it refused stays refused."""
    found = await brokers.ended()
    await brokers.kill(0, found)
    theirs = {"entries": ["t_00_theirs"], "before": 0, "mark": "anotherr3"}
    brokers.toys.documents["main"] = theirs

    (mended,) = (await Order(brokers).give()).values()

    assert mended.is_well
    assert brokers.toys.entries() == {"t_00_theirs", *tasks_of([found])}


async def test_what_cannot_be_written_waits_and_is_told_so(brokers: Brokers) -> None:
    """Brokers go on trying."""
    await brokers.kill(0, await brokers.ended())
    brokers.toys.documents["main"] = {**brokers.toys.documents["main"], "entries": []}
    brokers.toys.is_losing_writes = True
    order = Order(brokers)

    (waiting,) = (await order.give()).values()

    assert (waiting.is_well, order.pauses) == (False, LOOKS - 1)
    assert (await order.told())[-1]["state"] == "waits"


async def test_what_a_lost_ledger_left_behind_is_found_and_taken_over_by_order_only(
    brokers: Brokers,
) -> None:
    """It goes on refusing for as long as any session may live, and goes then."""
    left = {"entries": ["t_00_theirs"], "before": 0, "mark": "lostr7"}
    brokers.toys.documents["main"] = left
    name = ListName("yard", "toy-1", "main")
    spared = Order(brokers)
    assert await spared.give(name) == {}
    (found,) = spared.before
    order = Order(brokers, is_taking_over=True)

    (mended,) = (await order.give(name)).values()
    await brokers.kit.link.read(
        "HSET", brokers.kit.keys.bans(name.digest).meta, "now", 10**13, "looked", 0
    )
    await brokers.all[0].look()
    await brokers.all[0].rested()

    assert (found.document, found.is_alarming, found.wanted) == (Document.FOREIGN, True, 0)
    assert (mended.document, mended.standing, mended.is_well) == (Document.OURS, 1, True)
    assert brokers.toys.entries() == set()
    assert [each["type"] for each in await order.told()] == ["list.ordered", "list.mended"]


async def test_a_list_that_was_never_used_is_not_told(brokers: Brokers) -> None:
    """Though a capability names it."""
    order = Order(brokers)

    assert await order.give(ListName("yard", "toy-1", "main")) == {}
    assert order.before == []


async def test_a_list_that_is_well_is_asked_nothing(brokers: Brokers) -> None:
    """It is not even looked at again."""
    await brokers.kill(0, await brokers.ended())
    order = Order(brokers)

    assert await order.give() == {}
    assert order.pauses == 0
