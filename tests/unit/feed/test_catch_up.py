"""One subscriber's way to the present, step by step."""

import asyncio
import json

import pytest

from broker.feed.catch_up import CatchUp, LostTrackError, Ticket
from broker.feed.channel import Registration
from broker.model.capability import CheckMode, ResourceServer
from broker.store.feed_entry import LogEntry
from broker.store.feed_event import Announcement, announcement
from broker.store.feed_subscribers import Connection, Joined
from tests.fakes.ledger import FAR_MS, entry_of, lease_id
from tests.fakes.outlet import FakeOutlet, parse_events

SERVER = ResourceServer("https://a", CheckMode.FEED, frozenset({"*"}))


def entry(seq: int, audience: str = "*") -> LogEntry:
    """Make an entry of the log that revokes the lease of the same number."""
    event = json.dumps({"jti": lease_id(seq)})
    return LogEntry(seq, entry_of(0, seq, feed=event, aud=audience, exp=FAR_MS))


class FakeLog:
    """A log from ``first`` on; ``on_read`` is called with each reading."""

    def __init__(self, entries: list[LogEntry]) -> None:
        self.entries = entries

    async def after(self, seq: int) -> list[LogEntry]:
        """Read a page of two."""
        return [one for one in self.entries if one.seq > seq][:2]

    async def in_force(self, *, after: int, up_to: int) -> tuple[list[Announcement], int | None]:
        """Read what is in force, in one page."""
        events = [announcement(one.seq, one.change) for one in self.entries if one.seq <= up_to]
        return [event for event in events if event is not None and event.seq > after], None


class FakeReader:
    """A reader that stands somewhere and remembers what lies beyond its floor."""

    def __init__(self, log: FakeLog, *, seq: int, floor: int, epoch: str = "e") -> None:
        self.epoch = epoch
        self.seq = seq
        self.floor = floor
        self._log = log
        self.waits_for: list[tuple[str, int]] = []

    async def reach(self, epoch: str, seq: int) -> None:
        """Be there at once, or never."""
        self.waits_for.append((epoch, seq))
        if (epoch, self.seq) < (self.epoch, seq) or epoch != self.epoch:
            await asyncio.Event().wait()

    def after(self, seq: int, server: ResourceServer) -> list[Announcement]:
        """List the remembered."""
        assert seq >= self.floor
        events = [
            announcement(one.seq, one.change)
            for one in self._log.entries
            if seq < one.seq <= self.seq
        ]
        return [event for event in events if event is not None and event.reaches(server)]


async def catch_up(
    reader: FakeReader, log: FakeLog, *, after: int | None, joined_at: int
) -> tuple[FakeOutlet, bytes]:
    """Bring a subscriber up; returns what it heard and what is left to say."""
    outlet = FakeOutlet(start=after or 0)
    joined = Joined(1_000, "e", joined_at, 1)
    ticket = Ticket(
        Registration(SERVER, SERVER), Connection("subscriber-1", "n"), joined, after, FAR_MS
    )
    last = await CatchUp(log, reader, ticket, outlet).run()  # type: ignore[arg-type] - doubles
    return outlet, last


async def test_what_the_reader_has_not_read_is_not_sent_from_the_log() -> None:
    """Else the reader's next frame would be news of the past, and its position behind."""
    log = FakeLog([entry(seq) for seq in range(1, 9)])
    reader = FakeReader(log, seq=5, floor=5)

    outlet, last = await catch_up(reader, log, after=0, joined_at=5)

    assert outlet.leases == [lease_id(seq) for seq in (1, 2, 3, 4, 5)]
    assert last == b""


async def test_the_end_is_said_even_when_nothing_concerned_the_subscriber() -> None:
    """The channel's frames go on from the reader's position, so the subscriber must stand there."""
    log = FakeLog([entry(seq, "https://other") for seq in range(1, 6)])
    reader = FakeReader(log, seq=5, floor=0)

    outlet, last = await catch_up(reader, log, after=2, joined_at=5)

    [frame] = parse_events(last)
    assert outlet.heard == []
    assert (frame.data["prev"], frame.data["seq"], frame.data["events"]) == (2, 5, [])


async def test_who_stands_where_the_reader_stands_is_told_nothing() -> None:
    """A frame that moves nobody would be no frame."""
    log = FakeLog([entry(1)])

    outlet, last = await catch_up(FakeReader(log, seq=1, floor=1), log, after=1, joined_at=1)

    assert (outlet.heard, last) == ([], b"")


async def test_a_snapshot_is_of_the_position_at_which_the_subscriber_joined() -> None:
    """What the reader has read beyond comes after it, as a frame."""
    log = FakeLog([entry(seq) for seq in (1, 2, 3)])

    outlet, last = await catch_up(FakeReader(log, seq=3, floor=2), log, after=None, joined_at=2)

    [page] = outlet.heard
    [frame] = parse_events(last)
    assert (page.data["seq"], page.leases) == (2, [lease_id(1), lease_id(2)])
    assert (frame.data["prev"], frame.data["seq"], frame.leases) == (2, 3, [lease_id(3)])


async def test_a_log_that_was_trimmed_meanwhile_is_no_way_to_the_present() -> None:
    """The subscriber has to connect anew; nothing is passed over."""
    log = FakeLog([entry(seq) for seq in (5, 6)])

    with pytest.raises(LostTrackError):
        await catch_up(FakeReader(log, seq=6, floor=6), log, after=2, joined_at=6)


async def test_a_reader_of_another_epoch_ends_it() -> None:
    """Its numbers mean something else."""
    log = FakeLog([entry(1)])
    reader = FakeReader(log, seq=1, floor=1)
    outlet = FakeOutlet()

    async def turn(message: bytes) -> None:
        reader.epoch = "f"
        outlet._take(message)  # noqa: SLF001 - what sending does

    outlet.send = turn  # type: ignore[method-assign] - the log begins anew while this is sent
    ticket = Ticket(
        Registration(SERVER, SERVER),
        Connection("subscriber-1", "n"),
        Joined(1_000, "e", 1, 1),
        None,
        FAR_MS,
    )

    with pytest.raises(LostTrackError):
        await CatchUp(log, reader, ticket, outlet).run()  # type: ignore[arg-type] - doubles


async def test_a_hole_in_the_log_is_not_stepped_over() -> None:
    """What the reader passed over, nobody has followed: an event may be missing there."""
    log = FakeLog([entry(1), entry(3)])
    reader = FakeReader(log, seq=3, floor=3)

    with pytest.raises(LostTrackError):
        await catch_up(reader, log, after=0, joined_at=3)
