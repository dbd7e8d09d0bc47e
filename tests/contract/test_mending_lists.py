"""Lists that differ are mended by brokers, by order; what is another's is left alone."""

from collections.abc import AsyncIterator, Iterator

import pytest

from broker.comparing_lists import Document, ListComparing, ListComparison
from broker.mending_lists import LOOKS, MendingLists
from broker.model.ban import ListName
from broker.store.link import Link
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
    """An operator's order. While it waits a broker looks, if there is one."""

    def __init__(self, brokers: Brokers, *, is_any_there: bool = True) -> None:
        self._brokers = brokers
        self._is_any_there = is_any_there
        self.pauses = 0
        self.before: list[ListComparison] = []

    async def give(self) -> dict[ListName, ListComparison]:
        """Compare, and have mended what differs."""
        comparing = ListComparing(self._brokers.ledger.bans, sleep=self._at_once)
        self.before = await comparing.compare([self._brokers.target])
        mending = MendingLists(self._brokers.ledger.bans, comparing, sleep=self._while_it_waits)
        return await mending.mend({"yard": self._brokers.target}, self.before)

    async def _at_once(self, _seconds: float) -> None:
        """Wait for nothing."""

    async def _while_it_waits(self, _seconds: float) -> None:
        self.pauses += 1
        if self._is_any_there:
            await self._brokers.all[1].look()
            await self._brokers.all[1].rested()


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
    """A broker has written it, as it always does."""
    found = await brokers.ended()
    await brokers.kill(0, found)
    document = dict(brokers.toys.documents["main"])
    brokers.toys.documents["main"] = {**document, "entries": []}
    order = Order(brokers)

    (mended,) = (await order.give()).values()

    assert order.before[0].missing == tasks_of([found])
    assert (mended.is_well, order.pauses) == (True, 1)
    assert brokers.toys.documents["main"] == document


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


async def test_without_a_broker_it_waits_and_says_that_it_differs(brokers: Brokers) -> None:
    """Nothing is written by whoever gives the order."""
    await brokers.kill(0, await brokers.ended())
    brokers.toys.documents["main"] = {**brokers.toys.documents["main"], "entries": []}
    order = Order(brokers, is_any_there=False)

    (waiting,) = (await order.give()).values()

    assert (waiting.is_well, order.pauses) == (False, LOOKS)
    assert brokers.toys.entries() == set()


async def test_a_list_that_is_well_is_asked_nothing(brokers: Brokers) -> None:
    """It is not even looked at again."""
    await brokers.kill(0, await brokers.ended())
    order = Order(brokers)

    assert await order.give() == {}
    assert order.pauses == 0
