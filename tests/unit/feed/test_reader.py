"""The reader of the feed log, when somebody listens and when nobody does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from broker.feed.reader import Reader
from broker.store.feed_entry import LogEntry
from broker.store.feed_log import PAGE, Position
from tests.fakes.ledger import entry_of

EPOCH: Final = "e1"
FOR_EVER_MS: Final = 10**9
PATIENCE_S: Final = 20


class FakeLog:
    """A log that grows when a test says so; like the real one, it makes a reader wait for news."""

    def __init__(self) -> None:
        self.readings = 0
        self._entries: list[LogEntry] = []
        self._grown = asyncio.Event()

    def grow(self, count: int = 1) -> None:
        """Add entries."""
        for seq in range(len(self._entries) + 1, len(self._entries) + count + 1):
            self._entries.append(LogEntry(seq, entry_of(0, seq)))
        self._grown.set()

    async def position(self) -> Position:
        """Say that a reader begins at the beginning."""
        return Position(0, EPOCH, 0, 1, {})

    async def tail(self, seq: int, *, block_ms: int) -> list[LogEntry]:
        """Bring what comes next."""
        del block_ms
        self.readings += 1
        while len(self._entries) <= seq:
            self._grown.clear()
            await self._grown.wait()
        return self._entries[seq : seq + PAGE]

    async def still_has(self, _entry: LogEntry) -> bool:
        """Nothing is ever lost here."""
        return True


@asynccontextmanager
async def reading(log: FakeLog, *, is_heard: bool) -> AsyncIterator[Reader]:
    """Run a reader that would doze for ever."""
    reader = Reader(
        log,  # type: ignore[arg-type]  # a double
        capacity=10,
        on_events=lambda _epoch, _events: None,
        on_break=lambda: None,
        is_heard=lambda: is_heard,
        doze_ms=FOR_EVER_MS,
    )
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def reaches(reader: Reader, seq: int) -> None:
    """Wait until the reader is there."""
    async with asyncio.timeout(PATIENCE_S):
        await reader.reach(EPOCH, seq)


async def let_it_run() -> None:
    """Give way often enough for everything that does not wait for something."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_reader_that_nobody_listens_to_rests_between_readings() -> None:
    """Each broker reads the log; most have no subscriber at most times."""
    log = FakeLog()
    log.grow()
    async with reading(log, is_heard=False) as reader:
        await let_it_run()
        log.grow()
        await let_it_run()

        assert (reader.seq, log.readings) == (1, 1)


async def test_who_comes_wakes_it() -> None:
    """Whoever waits for a position gets it at once, not after the rest."""
    log = FakeLog()
    log.grow()
    async with reading(log, is_heard=False) as reader:
        await let_it_run()
        log.grow()

        await reaches(reader, 2)


async def test_it_rests_no_sooner_than_it_has_read_everything() -> None:
    """Else it would fall behind a busy log."""
    log = FakeLog()
    log.grow(2 * PAGE + 1)
    async with reading(log, is_heard=False) as reader:
        await let_it_run()

        assert (reader.seq, log.readings) == (2 * PAGE + 1, 3)


async def test_a_reader_that_is_listened_to_never_rests() -> None:
    """News go out as they come."""
    log = FakeLog()
    log.grow()
    async with reading(log, is_heard=True) as reader:
        await let_it_run()
        log.grow()
        await let_it_run()

        assert reader.seq == 2
