"""What must stand in deny lists is kept, over every way to reach Redis."""

import asyncio
from typing import Any

import pytest

from backends.deny_lists import Standing
from broker.errors import TargetBusyError
from broker.ids import LeaseId
from broker.model.ban import ListName
from broker.model.ban_state import Round, Stood
from broker.store.ban_ledger import BanLedger, Claim
from broker.store.link import Link
from tests.fakes.ledger_kit import MINUTE, LedgerKit

NAME = ListName("cloud", "aws:1", "arn:aws:iam::1:role/reader")
HOUR = 60 * MINUTE


class Kit(LedgerKit):
    """A ledger with one list."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.bans = BanLedger(link, self.keys, self.ids)
        self.where = self.keys.bans(NAME.digest)

    async def now(self) -> int:
        """Return the list's clock."""
        return (await self.bans.view(NAME)).now_ms

    async def add(self, entry: str, lease: str = "l", life_ms: int = MINUTE) -> int:
        """Let an entry stand; return the revision."""
        until = await self.now() + life_ms
        return (await self.bans.add(NAME, entry, until, LeaseId(lease))).revision

    async def entries(self) -> set[str]:
        """Return what must stand there."""
        return set((await self.bans.view(NAME)).entries)

    async def age(self, milliseconds: int) -> None:
        """Let the list have seen a later time."""
        await self.link.read("HSET", self.where.meta, "now", await self.now() + milliseconds)

    async def take(self, writer: str, revision: int | None = None) -> tuple[Claim, int]:
        """Want to write it."""
        return await self.bans.claim(
            NAME, writer, hide_ms=MINUTE, revision=revision, fresh_ms=MINUTE
        )

    async def release(self, fence: int, revision: int, **more: Any) -> bool:
        """Say that a revision stands; tell whether it is sure to."""
        return await self.bans.release(NAME, fence, Round(revision=revision, stands=True, **more))

    async def write(self, writer: str, revision: int, sending_ms: int) -> int:
        """Take it, and begin to write; return the fencing number."""
        _, fence = await self.take(writer, revision)
        await self.bans.hold(NAME, fence, hide_ms=MINUTE, sending_ms=sending_ms)
        return fence

    async def cut(self) -> tuple[int, int]:
        """Begin to cut it off."""
        return await self.bans.cut(NAME, target_now_ms=0, ahead_ms=20_000, hold_ms=6_000)


@pytest.fixture
def kit(link: Link) -> Kit:
    """A ledger."""
    return Kit(link)


async def test_an_entry_stands_until_its_last_session_is_over(kit: Kit) -> None:
    """Two leases of one task share it; the later end counts, and a repeat changes nothing."""
    first = await kit.add("t1", "l1", MINUTE)
    again = [await kit.add("t1", "l2", HOUR), await kit.add("t1", "l1", MINUTE)]
    await kit.age(2 * MINUTE)
    still = await kit.entries()
    await kit.age(HOUR)

    assert again == [first, first]
    assert still == {"t1"}
    assert await kit.entries() == set()
    assert (await kit.bans.view(NAME)).revision > first


async def test_every_list_is_remembered_by_name(kit: Kit) -> None:
    """So that it is looked after when nobody kills anything."""
    await kit.add("t1")
    other = ListName("cloud", "aws:1", "another")
    await kit.bans.add(other, "t2", 10**14, LeaseId("l2"))

    assert set(await kit.bans.names()) == {NAME, other}
    assert await kit.entries() == {"t1"}


async def test_one_writes_at_a_time_and_who_dies_is_followed(kit: Kit) -> None:
    """What he may still have under way makes the list one to be written again."""
    revision = await kit.add("t1")
    first, fence = await kit.take("one", revision)
    held, left = await kit.take("two", revision)
    await kit.age(2 * MINUTE)
    second, later = await kit.take("two", revision)
    lost = await kit.release(fence, revision)
    await kit.release(later, revision)

    assert (first, held, second) == (Claim.TAKEN, Claim.HELD, Claim.TAKEN)
    assert 0 < left <= MINUTE
    assert later > fence
    assert not lost
    assert (await kit.take("one", revision))[0] is Claim.STANDS
    assert (await kit.take("one"))[0] is Claim.FRESH


async def test_a_writer_that_was_too_slow_has_the_list_written_again(kit: Kit) -> None:
    """Perhaps he wrote an older document over the newer one."""
    revision = await kit.add("t1")
    _, slow = await kit.take("one", revision)
    await kit.age(2 * MINUTE)
    _, quick = await kit.take("two", revision)
    await kit.release(quick, revision)
    before = await kit.take("three", revision)

    await kit.release(slow, revision)

    assert before[0] is Claim.STANDS
    assert (await kit.take("three", revision))[0] is Claim.TAKEN


async def test_what_did_not_stand_is_wanted_at_once(kit: Kit) -> None:
    """By whoever asks, also by who only looks."""
    revision = await kit.add("t1")
    _, fence = await kit.take("one", revision)
    await kit.bans.release(NAME, fence, Round(trouble="late"))

    assert (await kit.take("two"))[0] is Claim.TAKEN


async def test_who_follows_a_lost_writer_is_sure_when_nothing_of_his_may_arrive(kit: Kit) -> None:
    """Until then the list is looked at again and again, by everybody."""
    revision = await kit.add("t1")
    await kit.write("one", revision, sending_ms=3 * MINUTE)
    await kit.age(2 * MINUTE)
    _, fence = await kit.take("two", revision)
    early = await kit.release(fence, revision)
    again, fence = await kit.take("two", revision)
    await kit.age(2 * MINUTE)
    late = await kit.release(fence, revision)

    assert (early, again, late) == (False, Claim.TAKEN, True)
    assert (await kit.take("three", revision))[0] is Claim.STANDS


async def test_who_follows_one_that_had_sent_nothing_is_sure_at_once(kit: Kit) -> None:
    """A death before the first write delays nobody."""
    revision = await kit.add("t1")
    await kit.take("one", revision)
    await kit.age(2 * MINUTE)
    _, fence = await kit.take("two", revision)

    assert await kit.release(fence, revision)


async def test_a_write_that_nobody_answered_may_arrive_after_the_next(kit: Kit) -> None:
    """Also of a broker that lives, and has said so."""
    revision = await kit.add("t1")
    slow = await kit.write("one", revision, sending_ms=MINUTE)
    await kit.bans.release(NAME, slow, Round(trouble="late"))
    _, fence = await kit.take("two", revision)

    assert not await kit.release(fence, revision)


async def test_a_list_that_was_lost_cannot_be_held(kit: Kit) -> None:
    """Nor be written: what would be may be older than what another broker has written."""
    revision = await kit.add("t1")
    _, fence = await kit.take("one", revision)
    held = await kit.bans.hold(NAME, fence, hide_ms=4 * MINUTE)
    await kit.age(3 * MINUTE)
    still, _ = await kit.take("two", revision)
    await kit.age(2 * MINUTE)
    await kit.take("two", revision)

    assert (held, still) == (True, Claim.HELD)
    assert not await kit.bans.hold(NAME, fence, hide_ms=MINUTE, sending_ms=1)


async def test_what_stood_is_known_to_every_broker(kit: Kit) -> None:
    """By the last that was read back, and until another revision is."""
    revision = await kit.add("t1")
    _, fence = await kit.take("one", revision)
    await kit.release(fence, revision, entries=frozenset({"t1"}))
    first = await kit.bans.stood(NAME)
    newer = await kit.add("t2")
    _, fence = await kit.take("two", newer)
    await kit.release(fence, newer, entries=frozenset({"t2"}), cut_ms=7_000)

    assert first == Stood(entries=frozenset({"t1"}))
    assert await kit.bans.stood(NAME) == Stood(entries=frozenset({"t2"}), cut_ms=7_000)


async def test_how_a_list_is_known_to_be_is_kept(kit: Kit) -> None:
    """Since when it fails and why; what was lost, once for each loss; what room is left."""
    revision = await kit.add("t1", life_ms=HOUR)
    for _ in range(2):
        _, fence = await kit.take("one", revision)
        await kit.bans.release(NAME, fence, Round(trouble="late", lost=1))
        await kit.age(MINUTE)
    failing = await kit.bans.state(NAME)
    _, fence = await kit.take("one", revision)
    await kit.release(fence, revision, room=100, free=90)
    await kit.age(MINUTE)
    well = await kit.bans.state(NAME)
    await kit.age(HOUR)
    await kit.bans.view(NAME)
    _, fence = await kit.take("one")
    await kit.release(fence, revision + 1)

    assert (failing.trouble, failing.wanted, failing.lost) == ("late", 1, 1)
    assert 2 * MINUTE <= failing.unconfirmed_ms < 3 * MINUTE
    assert (well.trouble, well.failing_since_ms, well.lost) == ("", 0, 1)
    assert (well.room, well.free, well.is_idle, well.is_cut) == (100, 90, False, False)
    assert MINUTE <= well.unconfirmed_ms < 2 * MINUTE
    idle = await kit.bans.state(NAME)
    assert (idle.is_idle, idle.unconfirmed_ms) == (True, 0)


async def test_a_mint_is_known_to_the_cut_or_held_back(kit: Kit) -> None:
    """Whichever comes first, the other sees it (I4)."""
    await kit.bans.enter(NAME, LeaseId("l1"), HOUR)
    cut, at = await kit.cut()
    with pytest.raises(TargetBusyError, match="cloud"):
        await kit.bans.enter(NAME, LeaseId("l2"), HOUR)

    assert [entry.name for entry in await kit.bans.born(NAME, at, None)] == ["l1"]
    assert 0 <= cut - (at + 20_000) < 1_000
    assert cut % 1_000 == 0
    await kit.age(27_001)
    await kit.bans.enter(NAME, LeaseId("l2"), HOUR)


async def test_a_cut_takes_the_place_of_what_entered_before(kit: Kit) -> None:
    """Whatever was listed or is killed later; what entered after it needs an entry of its own."""
    await kit.bans.enter(NAME, LeaseId("l1"), HOUR)
    await kit.bans.enter(NAME, LeaseId("l2"), HOUR)
    await kit.add("t1", "l1")
    cut, _ = await kit.cut()
    laid = await kit.bans.view(NAME)
    await kit.bans.swept(NAME, cut, await kit.now() + HOUR)
    covered = await kit.bans.add(NAME, "t2", 10**14, LeaseId("l2"))
    await kit.age(30_000)
    await kit.bans.enter(NAME, LeaseId("l3"), HOUR)
    await kit.add("t3", "l3", HOUR)

    view = await kit.bans.view(NAME)
    assert (laid.is_laid, laid.entries) == (True, {"t1"})
    assert covered.cut_ms == cut
    assert (view.is_laid, view.entries, view.cut_ms) == (False, {"t3"}, cut)


async def test_a_cut_ends_when_the_last_that_it_refuses_is_over(kit: Kit) -> None:
    """Also of what was found alive, or killed, after it was laid."""
    await kit.bans.enter(NAME, LeaseId("l1"), HOUR)
    await kit.add("t1", "l2", MINUTE)
    cut, _ = await kit.cut()
    await kit.bans.swept(NAME, cut, await kit.now() + 2 * MINUTE)
    await kit.add("t2", "l1", 10 * MINUTE)
    await kit.age(9 * MINUTE)
    still = await kit.bans.view(NAME)
    await kit.age(2 * MINUTE)

    assert still.cut_ms == cut
    assert (await kit.bans.view(NAME)).is_empty


async def test_a_cut_that_is_begun_twice_is_one(kit: Kit) -> None:
    """Whoever died in between is followed, by any broker."""
    await kit.add("t1")
    first = await kit.cut()
    await kit.age(MINUTE)

    assert await kit.cut() == first
    await kit.bans.swept(NAME, first[0], 0)
    await kit.bans.swept(NAME, first[0], 10**14)  # a repeat: nothing is prolonged
    await kit.age(HOUR)
    assert (await kit.bans.view(NAME)).is_empty


async def test_what_another_ledger_knew_is_taken_over(kit: Kit) -> None:
    """With its cut-off, above its revision, for as long as any session lives."""
    await kit.add("t1", life_ms=HOUR)
    found = Standing(entries=frozenset({"t9"}), issued_before_ms=5, mark="otherr41", room=9)
    await kit.bans.adopt(NAME, found, until_ms=await kit.now() + MINUTE, hold_ms=0)
    view = await kit.bans.view(NAME)
    await kit.age(2 * MINUTE)
    later = await kit.bans.view(NAME)

    assert (view.entries, view.cut_ms) == ({"t1", "t9"}, 5)
    assert view.revision == 42
    assert view.has_made(view.desired.mark)
    assert not view.has_made("otherr41")
    assert not view.has_made("")
    assert (later.entries, later.cut_ms) == ({"t1"}, 0)


async def test_who_is_dead_is_forgotten(kit: Kit) -> None:
    """And whoever was never heard of again, by age."""
    for lease in ("l1", "l2"):
        await kit.bans.enter(NAME, LeaseId(lease), MINUTE)
    await kit.bans.leave(NAME, [LeaseId("l1")])
    left = [entry.name for entry in await kit.bans.born(NAME, 10**14, None)]
    await kit.age(2 * MINUTE)
    await kit.bans.enter(NAME, LeaseId("l3"), MINUTE)

    assert left == ["l2"]
    assert [entry.name for entry in await kit.bans.born(NAME, 10**14, None)] == ["l3"]


async def test_thousands_of_entries_hold_the_server_for_a_moment(kit: Kit) -> None:
    """What may go is dropped a few at a time, and no more is read than any document holds."""
    until = await kit.now() + MINUTE
    adding = [kit.bans.add(NAME, f"t{n}", until, LeaseId("l")) for n in range(900)]
    await asyncio.gather(*adding)
    view = await kit.bans.view(NAME)
    await kit.age(HOUR)

    assert (view.count, len(view.entries)) == (900, 500)
    assert (await kit.bans.view(NAME)).count == 700
