"""Several brokers bring one list to what must stand in it, over every way to reach Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from backends.contract import Death
from broker.bans import Bans, Refusal
from broker.errors import TargetBusyError
from broker.faultpoints import FaultPoints
from broker.list_hold import HIDE_MS
from broker.store.link import Link
from broker.targets.target import Bounds, Target
from broker.targets.targets import Targets
from tests.fakes.eventually_true import eventually_true
from tests.fakes.ledger_kit import MINUTE
from tests.fakes.list_brokers import CLOCK, Brokers, Untold, tasks_of
from tests.fakes.toy_list import ListTarget


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


async def test_two_that_write_at_once_lose_nothing(brokers: Brokers) -> None:
    """Each writes the whole; together they write seldom."""
    dying = [await brokers.ended() for _ in range(10)]

    achieved = await asyncio.gather(*(brokers.kill(n % 2, each) for n, each in enumerate(dying)))

    assert {each.death for each in achieved} == {Death.ACCEPTED}
    assert brokers.toys.entries() == tasks_of(dying)
    assert brokers.toys.asked.count("put") < len(dying)


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_an_older_document_over_a_newer_one_is_found(brokers: Brokers) -> None:
    """Whoever looks next, and nobody has to kill anything for it."""
    first, second = await brokers.ended(), await brokers.ended()
    await brokers.kill(0, first)
    older = brokers.toys.documents["main"]
    await brokers.kill(1, second)

    brokers.toys.documents["main"] = older
    await brokers.forget_looks()
    await brokers.all[0].look()

    async def is_mended() -> bool:
        return brokers.toys.entries() == tasks_of([first, second])

    await eventually_true(is_mended, "both entries")


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_what_is_over_is_taken_out(brokers: Brokers) -> None:
    """When the last session that an entry refuses has died of age, its place is another's."""
    found = await brokers.ended()
    await brokers.kill(0, found)
    where = brokers.kit.keys.bans((await brokers.ledger.bans.names())[0].digest)
    later = found.expires_at_ms + 10 * MINUTE

    await brokers.kit.link.read("HSET", where.meta, "now", later, "looked", 0)
    await brokers.all[1].look()

    async def is_empty() -> bool:
        return brokers.toys.entries() == set()

    await eventually_true(is_empty, "an empty list")


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_a_list_without_room_is_cut_off(brokers: Brokers) -> None:
    """And at every broker minting waits until what it makes is younger than that."""
    brokers.toys.room = 0
    found = await brokers.ended()

    assert await brokers.kill(0, found) == Refusal(Death.ACCEPTED, can_tell=False)
    assert brokers.toys.entries() == set()
    assert brokers.toys.documents["main"]["before"] > found.ended_at_ms
    with pytest.raises(TargetBusyError):
        await brokers.all[1].enter(brokers.target, found.spec)


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_two_names_of_one_target_have_one_list(brokers: Brokers) -> None:
    """Neither takes the other's entries for a lost ledger's, nor out of the list."""
    found = [await brokers.ended() for _ in range(2)]
    lists = brokers.target.lists
    assert lists is not None
    alias = Target("alias", "toylist", brokers.backend, Bounds(), clock=CLOCK, told=Untold())

    await brokers.kill(0, found[0])
    await brokers.all[1].kill(alias, lists, found[1])

    assert brokers.toys.entries() == tasks_of(found)
    assert len(await brokers.ledger.bans.names()) == 1
    alias.close()


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_nobody_looks_after_a_list_in_which_nothing_need_stand(brokers: Brokers) -> None:
    """A role whose last killed session is over costs no calls any more."""
    found = await brokers.ended()
    await brokers.kill(0, found)
    where = brokers.kit.keys.bans((await brokers.ledger.bans.names())[0].digest)
    later = found.expires_at_ms + 10 * MINUTE
    await brokers.kit.link.read("HSET", where.meta, "now", later, "looked", 0)
    await brokers.all[1].look()

    async def is_empty() -> bool:
        return brokers.toys.entries() == set()

    await eventually_true(is_empty, "an empty list")
    await brokers.all[1].rested()
    asked = len(brokers.toys.asked)
    await brokers.forget_looks()
    await brokers.all[0].look()
    await brokers.all[0].rested()

    assert len(brokers.toys.asked) == asked


async def lost(brokers: Brokers, change: Mapping[str, object]) -> list[tuple[int, bool]]:
    """Let a hand change the document, and say what alarms were raised when it was mended."""
    before = dict(brokers.toys.documents["main"])
    brokers.toys.documents["main"] = {**before, **change}
    with capture_logs() as lines:
        await looked(brokers)
    assert brokers.toys.documents["main"] == before
    return alarms(lines)


async def looked(brokers: Brokers) -> None:
    """Let a broker look that has not seen the list before."""
    await brokers.forget_looks()
    one = Bans.over(brokers.ledger, Targets([brokers.target]), FaultPoints())
    await one.look()
    await one.rested()
    await one.stop()


def alarms(lines: Sequence[MutableMapping[str, Any]]) -> list[tuple[int, bool]]:
    """Say what was told to be lost."""
    return [
        (line["entries"], line["cut_off"]) for line in lines if line["event"] == "deny-list-lost"
    ]


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_what_a_hand_took_out_is_an_alarm_and_what_it_put_in_is_none(
    brokers: Brokers,
) -> None:
    """Who was refused may have lived until it was mended; whoever looks says so."""
    found = await brokers.ended()
    await brokers.kill(0, found)

    assert await lost(brokers, {"entries": []}) == [(1, False)]
    assert await lost(brokers, {"entries": ["t_00_hand", *tasks_of([found])]}) == []


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_a_cut_off_that_a_hand_took_out_is_an_alarm(brokers: Brokers) -> None:
    """Everybody whom it refused may have lived."""
    brokers.toys.room = 0
    await brokers.kill(0, await brokers.ended())

    assert await lost(brokers, {"before": 0}) == [(0, True)]


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_what_a_cut_off_takes_the_place_of_is_not_lost(brokers: Brokers) -> None:
    """Nor what is over."""
    brokers.toys.room = 1
    first, second = await brokers.ended(), await brokers.ended()

    with capture_logs() as lines:
        await brokers.kill(0, first)
        await brokers.kill(0, second)

    assert brokers.toys.documents["main"]["before"] > 0
    assert "deny-list-lost" not in {line["event"] for line in lines}


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_a_loss_that_cannot_be_mended_is_one_alarm(brokers: Brokers) -> None:
    """And why not, and since when, is in the ledger for every broker to show."""
    found = await brokers.ended()
    await brokers.kill(0, found)
    brokers.toys.documents["main"] = {**brokers.toys.documents["main"], "entries": []}
    brokers.toys.is_losing_writes = True

    with capture_logs() as lines:
        await looked(brokers)
        await looked(brokers)
    (name,) = await brokers.ledger.bans.names()
    state = await brokers.ledger.bans.state(name)
    brokers.toys.is_losing_writes = False
    await looked(brokers)
    mended = await brokers.ledger.bans.state(name)

    assert alarms(lines) == [(1, False)]
    assert (state.trouble, state.lost) == ("not-kept", 1)
    assert state.failing_since_ms > 0
    assert brokers.toys.entries() == tasks_of([found])
    assert (mended.trouble, mended.lost, mended.free) == ("", 1, 99)


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_nothing_is_confirmed_while_a_dead_writer_s_document_may_arrive(
    brokers: Brokers,
) -> None:
    """It is written at once all the same: who waits for the dead lets the killed live."""
    first, second = [await brokers.ended(is_probed=True) for _ in range(2)]
    confirmed = await brokers.kill(0, first)
    (name,) = await brokers.ledger.bans.names()
    added = (await brokers.ledger.bans.view(name)).revision + 1
    _, fence = await brokers.ledger.bans.claim(name, "dead", hide_ms=HIDE_MS, revision=added)
    await brokers.ledger.bans.hold(name, fence, hide_ms=1, sending_ms=10 * MINUTE)

    unsure = await brokers.kill(1, second)

    assert confirmed == Refusal(Death.GONE, can_tell=True)
    assert unsure == Refusal(Death.ACCEPTED, can_tell=True)
    assert brokers.toys.entries() == tasks_of([first, second])
