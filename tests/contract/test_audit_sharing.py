"""Processes of one machine share one audit file: one writes, the others stand by."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from broker.audit.json_lines import JsonLinesSink
from broker.audit.trail_file import TrailFile
from broker.store.feed_log import FeedLog
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
    seqs,
    write,
)
from tests.fakes.clock import FakeClock
from tests.fakes.redis_servers import SingleServer
from tests.fakes.runners import PATIENCE_S, eventually, running


@pytest.fixture
def log(link: Link) -> FeedLog:
    """The feed log."""
    return FeedLog(link, "jit")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the trail is."""
    return tmp_path / "audit.jsonl"


@one_server
async def test_two_that_share_a_file_write_every_entry_once(log: FeedLog, path: Path) -> None:
    """One writes, the other stands by, well all the time, and takes over when the first dies."""
    first, second = make_sink(log, path), make_sink(log, path)
    async with running(second):
        async with running(first):
            await happen(log, 1, 2)
            await eventually(lambda: has_stored(log, path.stem, 2))
            await eventually(lambda: _are_healthy(first, second))
        await happen(log, 3)
        await eventually(lambda: has_stored(log, path.stem, 3))
        await eventually(lambda: is_healthy(second))

    assert seqs(path) == [1, 2, 3]
    await assert_whole(log, path)


async def _are_healthy(*sinks: JsonLinesSink) -> bool:
    return all(sink.is_healthy() for sink in sinks)


@one_server
async def test_who_stands_by_is_as_sick_as_the_writer(
    log: FeedLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs at the writer is recorded nowhere: the other one mints nothing either."""
    release = threading.Event()
    append, clock = TrailFile.append, FakeClock()

    def hang(self: TrailFile, data: bytes) -> None:
        release.wait(PATIENCE_S)
        append(self, data)

    writer = make_sink(log, path)
    second = JsonLinesSink(path, log, clock=clock, name=path.stem)
    async with running(writer):
        await eventually(lambda: is_healthy(writer))
        async with running(second):
            await eventually(lambda: is_healthy(second))
            monkeypatch.setattr(TrailFile, "append", hang)
            await happen(log, 1)
            await eventually(lambda: is_writing(writer))
            clock.advance(2_001)
            await eventually(lambda: is_unhealthy(second, "has not written for 2001 ms"))
            release.set()
            await eventually(lambda: has_stored(log, path.stem, 1))
            await eventually(lambda: is_healthy(second))

    assert seqs(path) == [1]


@one_server
async def test_who_stands_by_sees_that_the_file_is_unfit(log: FeedLog, path: Path) -> None:
    """The first to open it lets it go again, and both say why."""
    await happen(log, 1, 2)
    await copies(log, path, 2)
    write(path, read(path).replace(b'"n":2', b'"n":3'))
    first, second = make_sink(log, path), make_sink(log, path)
    async with running(first, second):
        for sink in (first, second):
            await eventually(lambda sink=sink: is_unhealthy(sink, "changed after it was written"))


WRITER = """
import asyncio, sys
from pathlib import Path
from broker.audit.json_lines import JsonLinesSink
from broker.clock import SystemClock
from broker.settings.store import StoreSettings
from broker.store.connect import connect
from broker.store.feed_log import FeedLog

async def main(url, file):
    log = FeedLog(await connect(StoreSettings(url=url)), "jit")
    await JsonLinesSink(file, log, clock=SystemClock(), name=file.stem).run()

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""


@one_server
async def test_a_writer_that_is_killed_is_followed_by_another(
    single: SingleServer, log: FeedLog, path: Path
) -> None:
    """The system lets go of its lock; nothing is lost, and nothing is written twice."""
    argv = [sys.executable, "-c", WRITER, single.settings.url, str(path)]
    writer = subprocess.Popen(argv)  # noqa: S603, ASYNC220 - our interpreter, our words; it lives on
    try:
        await happen(log, 1, 2)
        await eventually(lambda: has_stored(log, path.stem, 2))
        second = make_sink(log, path)
        async with running(second):
            await eventually(lambda: is_healthy(second))
            writer.kill()
            await happen(log, 3)
            await eventually(lambda: has_stored(log, path.stem, 3))
    finally:
        writer.kill()
        writer.wait()

    assert seqs(path) == [1, 2, 3]
    await assert_whole(log, path)
