"""What lists at targets say and what the ledger wants there are compared; nothing is changed."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from broker.comparing_lists import CUT_OFF, Document, ListComparing, ListComparison
from broker.store.link import Link
from tests.fakes.ledger_kit import MINUTE
from tests.fakes.list_brokers import Brokers, tasks_of
from tests.fakes.toy_list import EMPTY, ListTarget

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


@dataclass
class Pause:
    """The pause before the second look: something may happen in it."""

    happens: list[Callable[[], Any]] = field(default_factory=list)
    count: int = 0

    async def __call__(self, _seconds: float) -> None:
        """Let it happen."""
        self.count += 1
        for each in self.happens:
            each()


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


@pytest.fixture
async def killed(brokers: Brokers) -> list[str]:
    """Two tasks that the list refuses, as it must."""
    found = [await brokers.ended(), await brokers.ended()]
    for each in found:
        await brokers.kill(0, each)
    return sorted(tasks_of(found))


async def compared(brokers: Brokers, pause: Pause | None = None) -> ListComparison:
    """Compare the one list that there is, and see that nobody wrote into it."""
    comparing = ListComparing(brokers.ledger.bans, sleep=pause or Pause())
    written = brokers.toys.asked.count("put")
    (found,) = await comparing.compare([brokers.target])
    assert brokers.toys.asked.count("put") == written
    return found


async def test_a_list_as_it_must_be_is_looked_at_once(brokers: Brokers, killed: list[str]) -> None:
    """It bears our mark, and says how much room is left."""
    pause = Pause()

    found = await compared(brokers, pause)

    assert (found.document, found.standing, found.wanted) == (Document.OURS, 2, len(killed))
    assert (found.room, found.free) == (100, 98)
    assert (found.differs, pause.count) == (False, 0)


@pytest.mark.parametrize("how", ["deleted", "an entry taken out"])
async def test_what_a_hand_took_out_is_missing(
    brokers: Brokers, killed: list[str], how: str
) -> None:
    """Whoever it refuses may live: somebody should look."""
    document = brokers.toys.documents["main"]
    if how == "deleted":
        del brokers.toys.documents["main"]
    else:
        brokers.toys.documents["main"] = {**document, "entries": killed[:1]}

    found = await compared(brokers)

    assert found.is_alarming
    if how == "deleted":
        assert (found.document, found.missing) == (Document.ABSENT, frozenset(killed))
        assert not found.is_edited
    else:
        assert (found.document, found.missing) == (Document.OURS, frozenset(killed[1:]))
        assert found.is_edited


async def test_an_older_document_is_ours_and_not_edited(brokers: Brokers) -> None:
    """A write that came late, over a newer one: what it lacks is missing."""
    first, second = await brokers.ended(), await brokers.ended()
    await brokers.kill(0, first)
    older = brokers.toys.documents["main"]
    await brokers.kill(0, second)
    brokers.toys.documents["main"] = older

    found = await compared(brokers)

    assert (found.document, found.is_edited) == (Document.OURS, False)
    assert found.missing == tasks_of([second])


async def test_what_is_more_than_wanted_is_left_over(brokers: Brokers, killed: list[str]) -> None:
    """A hand put it in; under our newest mark, which says that it was one."""
    document = brokers.toys.documents["main"]
    brokers.toys.documents["main"] = {**document, "entries": [*killed, "t_00_somebody"]}

    found = await compared(brokers)

    assert (found.missing, found.left_over) == (frozenset(), frozenset({"t_00_somebody"}))
    assert (found.is_edited, found.free) == (True, 97)


@pytest.mark.parametrize(
    ("mark", "document"),
    [("", Document.UNMARKED), ("anotherr3", Document.FOREIGN), (None, Document.FOREIGN)],
)
async def test_a_mark_that_this_ledger_has_not_made_is_told(
    brokers: Brokers, killed: list[str], mark: str | None, document: Document
) -> None:
    """None at all, another ledger's, or one of this ledger's that it has forgotten."""
    there = brokers.toys.documents["main"]
    lineage = there["mark"].rpartition("r")[0]
    brokers.toys.documents["main"] = {**there, "mark": f"{lineage}r99" if mark is None else mark}

    found = await compared(brokers)

    assert (found.document, found.missing, found.is_alarming) == (document, frozenset(), True)
    assert brokers.toys.entries() == set(killed)


async def test_a_cut_off_is_one_of_the_entries(brokers: Brokers) -> None:
    """Without it everybody whom it refuses may live."""
    brokers.toys.room = 0
    await brokers.kill(0, await brokers.ended())
    assert not (await compared(brokers)).differs
    brokers.toys.documents["main"] = {**brokers.toys.documents["main"], "before": 0}

    found = await compared(brokers)

    (cut,) = found.missing
    assert cut.startswith(CUT_OFF)
    assert found.is_edited


async def test_what_is_mended_between_two_looks_is_not_told(
    brokers: Brokers, killed: list[str]
) -> None:
    """A write that was under way has its time."""
    document = brokers.toys.documents["main"]
    brokers.toys.documents["main"] = EMPTY
    pause = Pause([lambda: brokers.toys.documents.update(main=document)])

    found = await compared(brokers, pause)

    assert (found.standing, found.differs, pause.count) == (len(killed), False, 1)


async def test_what_differs_only_in_one_look_is_not_told(
    brokers: Brokers, killed: list[str]
) -> None:
    """Another entry is missing in the second: neither is for certain."""
    document = brokers.toys.documents["main"]
    first = {**document, "entries": killed[:1]}
    second = {**document, "entries": killed[1:]}
    brokers.toys.documents["main"] = first

    found = await compared(brokers, Pause([lambda: brokers.toys.documents.update(main=second)]))

    assert found.missing == frozenset()


async def test_what_is_over_is_not_dropped_by_looking(brokers: Brokers) -> None:
    """Whether a clock may be believed is for brokers to judge."""
    found = await brokers.ended()
    await brokers.kill(0, found)
    (name,) = await brokers.ledger.bans.names()
    where = brokers.kit.keys.bans(name.digest)
    later = found.expires_at_ms + 10 * MINUTE
    await brokers.kit.link.read("HSET", where.meta, "now", later)

    comparison = await compared(brokers)

    assert (comparison.wanted, comparison.differs) == (1, False)
    assert (await brokers.ledger.bans.view(name)).count == 0


async def test_a_list_that_cannot_be_read_says_why(brokers: Brokers, killed: list[str]) -> None:
    """Nothing is said of what stands there."""
    brokers.toys.freeze("get")
    brokers.target.bounds = type(brokers.target.bounds)(deadline_ms=300)

    found = await compared(brokers)
    brokers.toys.thaw()

    assert found.trouble.startswith("late")
    assert (found.differs, found.wanted) == (False, 0)
    assert killed


async def test_targets_without_lists_are_left_out(brokers: Brokers) -> None:
    """And lists of targets that are not asked for."""
    await brokers.kill(0, await brokers.ended())

    assert await ListComparing(brokers.ledger.bans).compare([]) == []
