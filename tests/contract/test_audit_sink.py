"""The audit trail is a complete copy of the feed log, whatever dies, fills up or is cut."""

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from broker.audit import json_lines
from broker.audit.json_lines import JsonLinesSink, sink_name
from broker.audit.standby import UNSEEN
from broker.audit.trail_file import TrailFile
from broker.audit.verify import verify
from broker.errors import StoreUnavailableError
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import FeedLog, LogLimits
from broker.store.link import Link
from tests.contract.audit_kit import (
    assert_whole,
    copies,
    happen,
    has_stored,
    is_healthy,
    is_unhealthy,
    is_writing,
    make_sink,
    one_server,
    read,
    records,
    remove,
    seqs,
    write,
)
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.redis_servers import SingleServer
from tests.fakes.runners import PATIENCE_S, eventually, running
from tests.unit.audit.test_trail_file import full_disk_after

KEYS = FeedKeys("jit")


@pytest.fixture
def log(link: Link) -> FeedLog:
    """The feed log."""
    return FeedLog(link, "jit")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the trail is."""
    return tmp_path / "audit.jsonl"


def room_for(path: Path, more: int) -> int:
    """Say how long the file becomes with so many more bytes."""
    return path.stat().st_size + more


async def test_a_trail_is_a_copy_of_the_whole_log(log: FeedLog, path: Path) -> None:
    """What was there before the sink, and what came after; over every way to reach a Redis."""
    await happen(log, *range(1, 201))
    await happen(log, *range(201, 251))
    sink = make_sink(log, path)
    async with running(sink):
        await eventually(lambda: has_stored(log, path.stem, 250))
        await happen(log, 1, bucket=7)
        await eventually(lambda: has_stored(log, path.stem, 251))
        healthy = sink.is_healthy()

    assert healthy
    assert seqs(path) == list(range(1, 252))
    assert records(path)[-1]["bucket"] == "07"
    await assert_whole(log, path)


@one_server
async def test_who_waits_for_the_trail_is_not_kept_waiting(
    log: FeedLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that stops does not wait until more has come together."""
    monkeypatch.setattr(json_lines, "GATHER_S", 3600.0)
    sink = make_sink(log, path)
    async with running(sink):
        await happen(log, 1)
        await eventually(lambda: has_stored(log, path.stem, 1))
        await happen(log, 2)
        async with asyncio.timeout(PATIENCE_S):
            await sink.caught_up()

    assert seqs(path) == [1, 2]


@one_server
async def test_two_brokers_keep_two_whole_trails(log: FeedLog, tmp_path: Path) -> None:
    """Each is complete by itself, and they say the same."""
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    async with running(make_sink(log, one), make_sink(log, two)):
        await happen(log, *range(1, 100))
        for path in (one, two):
            await eventually(lambda name=path.stem: has_stored(log, name, 99))  # type: ignore[misc]

    assert read(one) == read(two)
    await assert_whole(log, one)
    await assert_whole(log, two)


@one_server
async def test_a_sink_may_die_at_any_moment(log: FeedLog, path: Path) -> None:
    """No entry is missing and none is there twice, however often it was killed."""
    for life in range(15):
        await happen(log, *range(life * 20 + 1, life * 20 + 21))
        async with running(make_sink(log, path)):
            await asyncio.sleep((life * 7 % 11) / 1000)
    await copies(log, path, 300)

    assert seqs(path) == list(range(1, 301))
    await assert_whole(log, path)


@pytest.mark.parametrize("cut", [1, 10, 100, 400])
@one_server
async def test_a_torn_end_is_caught_up(log: FeedLog, path: Path, cut: int) -> None:
    """A power failure may take the end of the file: the log still has it."""
    await happen(log, *range(1, 11))
    await copies(log, path, 10)
    whole = read(path)
    write(path, whole[:-cut])

    await copies(log, path, 10)
    await happen(log, 11)
    await copies(log, path, 11)

    assert read(path).startswith(whole)
    await assert_whole(log, path)


@one_server
async def test_a_line_that_was_written_but_not_told_is_not_written_twice(
    log: FeedLog, path: Path
) -> None:
    """The file is ahead of what the log knows after a crash between the two."""
    await happen(log, 1, 2, 3)
    await copies(log, path, 3)
    cursor = (await log.cursors.all())[path.stem]
    await log.cursors.store(path.stem, type(cursor)(1, cursor.epoch, cursor.head))

    await copies(log, path, 3)

    assert seqs(path) == [1, 2, 3]


@one_server
async def test_a_full_disk_is_told_and_caught_up(log: FeedLog, path: Path) -> None:
    """F10: not healthy while records cannot be written; nothing is lost once there is room."""
    await happen(log, 1)
    await copies(log, path, 1)
    sink = make_sink(log, path)
    with full_disk_after(room_for(path, 100)):
        async with running(sink):
            await happen(log, *range(2, 12))
            await eventually(lambda: is_unhealthy(sink, "File too large"))
            stored = (await log.cursors.all())[path.stem].seq
    async with running(sink):
        await eventually(lambda: has_stored(log, path.stem, 11))
        await eventually(lambda: is_healthy(sink))

    assert stored == 1
    assert seqs(path) == list(range(1, 12))
    await assert_whole(log, path)


@one_server
async def test_a_full_disk_never_looks_well_between_attempts(
    log: FeedLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening the file again is no sign of room: only a written record is."""
    sink = make_sink(log, path)
    healths: list[bool] = []

    def fail(_self: TrailFile, _data: bytes) -> None:
        healths.append(sink.is_healthy())
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with running(sink):
        await eventually(lambda: is_healthy(sink))
        monkeypatch.setattr(TrailFile, "append", fail)
        await happen(log, 1)
        await eventually(lambda: _has_failed(healths, 4))
        monkeypatch.undo()
        await eventually(lambda: has_stored(log, path.stem, 1))
        await eventually(lambda: is_healthy(sink))

    assert healths[:4] == [True, False, False, False]


async def _has_failed(healths: list[bool], times: int) -> bool:
    return len(healths) >= times


@one_server
async def test_a_disk_that_hangs_is_told_after_its_deadline(
    log: FeedLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before, and the loop goes on meanwhile; when the disk answers, all is well."""
    release, clock = threading.Event(), FakeClock()
    append = TrailFile.append

    def hang(self: TrailFile, data: bytes) -> None:
        release.wait(PATIENCE_S)
        append(self, data)

    sink = JsonLinesSink(path, log, clock=clock, name=path.stem, deadline_ms=2_000)
    async with running(sink):
        await eventually(lambda: is_healthy(sink))
        monkeypatch.setattr(TrailFile, "append", hang)
        await happen(log, 1)
        await eventually(lambda: is_writing(sink))
        clock.advance(2_000)
        at_deadline = sink.is_healthy()
        clock.advance(1)
        beyond = (sink.is_healthy(), sink.reason())
        release.set()
        await eventually(lambda: has_stored(log, path.stem, 1))

        assert sink.is_healthy()
    assert at_deadline
    assert beyond == (False, "a write has not ended for 2001 ms")


@one_server
async def test_a_sink_is_not_healthy_before_it_has_its_file(log: FeedLog, path: Path) -> None:
    """Nothing is minted where somebody else holds the file and writes none of it."""
    other = TrailFile(path)
    other.open()
    sink = make_sink(log, path)
    before = sink.reason()
    async with running(sink):
        await eventually(lambda: is_unhealthy(sink, UNSEEN))
        other.close()
        await eventually(lambda: is_healthy(sink))

    assert before == "not opened yet"
    assert str(path) not in before


@one_server
async def test_a_last_line_that_was_edited_is_refused(log: FeedLog, path: Path) -> None:
    """The chain cannot cover it, the feed log's knowledge of it does."""
    await happen(log, 1, 2)
    await copies(log, path, 2)
    edited = read(path).replace(b'"n":2', b'"n":3')
    write(path, edited)
    sink = make_sink(log, path)
    async with running(sink):
        await eventually(lambda: is_unhealthy(sink, "changed after it was written"))

    assert read(path) == edited


@one_server
async def test_a_file_that_was_removed_is_written_anew(log: FeedLog, path: Path) -> None:
    """Everything that the log still has; meanwhile the sink is not healthy."""
    await happen(log, 1, 2)
    sink = make_sink(log, path)
    async with running(sink):
        await eventually(lambda: has_stored(log, path.stem, 2))
        remove(path)
        await happen(log, 3)
        await eventually(lambda: is_unhealthy(sink, "No such file"))
        await eventually(lambda: has_stored(log, path.stem, 3))

    assert seqs(path) == [1, 2, 3]
    await assert_whole(log, path)


@one_server
async def test_what_the_log_no_longer_has_is_named(log: FeedLog, path: Path, link: Link) -> None:
    """A sink that was forgotten and comes back says what it missed, and goes on."""
    await happen(log, 1, 2)
    await copies(log, path, 2)
    await log.cursors.forget(path.stem)
    await happen(log, *range(3, 11))
    await FeedLog(link, "jit", limits=LogLimits(keep=3)).tidy()

    await copies(log, path, 10)

    assert [(record["seq"], record["type"]) for record in records(path)] == [
        (1, "lease.issued"),
        (2, "lease.issued"),
        (7, "audit.gap"),
        (8, "lease.issued"),
        (9, "lease.issued"),
        (10, "lease.issued"),
    ]
    assert verify(path).gaps == [(3, 7)]
    await assert_whole(log, path)


@one_server
async def test_holes_in_the_middle_are_named_each(log: FeedLog, path: Path, link: Link) -> None:
    """Somebody removed entries of the log by hand."""
    await happen(log, *range(1, 9))
    for name in ("3-0", "4-0", "7-0"):
        await FakeLedger(link).write(KEYS.log, "XDEL", name)

    await copies(log, path, 8)

    assert verify(path).gaps == [(3, 4), (7, 7)]
    await assert_whole(log, path)


@one_server
async def test_a_store_that_was_emptied_begins_another_epoch(
    log: FeedLog, path: Path, link: Link
) -> None:
    """Numbers begin again; the chain goes on, and the epoch tells the two apart."""
    ledger = FakeLedger(link)
    async with running(make_sink(log, path)):
        await happen(log, 1, 2)
        await eventually(lambda: has_stored(log, path.stem, 2))
        for key in (KEYS.meta, KEYS.log, KEYS.seqs, KEYS.cursors):
            await ledger.write(key, "DEL")
        await happen(log, 1)
        await eventually(lambda: has_stored(log, path.stem, 1))

    assert seqs(path) == [1, 2, 1]
    assert len({record["epoch"] for record in records(path)}) == 2
    await assert_whole(log, path)


@pytest.mark.parametrize("is_running", [True, False])
@one_server
async def test_a_log_that_went_back_and_on_is_recorded_as_it_is_now(
    log: FeedLog, path: Path, link: Link, *, is_running: bool
) -> None:
    """After a failover that lost entries: what was recorded stays, what is true now follows."""
    ledger = FakeLedger(link)
    await happen(log, 1, 2)
    await copies(log, path, 2)
    sink = make_sink(log, path)

    async def go_back() -> None:
        await ledger.write(KEYS.log, "DEL")
        await ledger.write(KEYS.log, "XADD", "1-0", "b", "00", "n", "1", "op", "op-0-1")
        await ledger.write(KEYS.meta, "HSET", "seq", "1", "n:00", "1")
        await ledger.write(KEYS.seqs, "HDEL", "00:2")
        await happen(log, 1, bucket=5)
        await happen(log, 2, bucket=5)

    if not is_running:
        await go_back()
    async with running(sink):
        await eventually(lambda: is_healthy(sink))
        if is_running:
            await happen(log, 3)
            await eventually(lambda: has_stored(log, path.stem, 3))
            await go_back()
        await eventually(lambda: _epochs_in(path, 2))

    last = [(record["seq"], record["bucket"]) for record in records(path)][-3:]
    assert last == [(1, "00"), (2, "05"), (3, "05")]
    await assert_whole(log, path)


async def _epochs_in(path: Path, count: int) -> bool:
    return len({r["epoch"] for r in records(path)}) == count and records(path)[-1]["seq"] == 3


@one_server
async def test_a_trail_survives_an_outage_of_the_store(
    log: FeedLog, path: Path, single: SingleServer
) -> None:
    """The sink waits, and goes on."""
    sink = make_sink(log, path)
    async with running(sink):
        await happen(log, 1)
        await eventually(lambda: has_stored(log, path.stem, 1))
        single.kill()
        await asyncio.sleep(0.1)
        single.start()
        await eventually(lambda: _appended(log, 2))
        await eventually(lambda: has_stored(log, path.stem, 2))

    assert seqs(path) == [1, 2]
    await assert_whole(log, path)


async def _appended(log: FeedLog, n: int) -> bool:
    try:
        await happen(log, n)
    except StoreUnavailableError:
        return False
    return True


def test_a_sink_has_a_name_of_its_own(tmp_path: Path) -> None:
    """The same file on the same machine has the same name, another file another one."""
    one, two = sink_name(tmp_path / "one"), sink_name(tmp_path / "two")

    assert one == sink_name(tmp_path / "one")
    assert one != two
    assert str(tmp_path) not in one
