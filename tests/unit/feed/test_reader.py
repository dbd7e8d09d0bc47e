"""The reader of the feed log, when somebody listens and when nobody does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest

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
        self.epoch = EPOCH
        self.while_asked: Callable[[], None] = lambda: None
        """What happens while somebody waits to know where the log stands."""
        self._entries: list[LogEntry] = []
        self._grown = asyncio.Event()

    def grow(self, count: int = 1, op: str = "op") -> None:
        """Add entries."""
        for seq in range(len(self._entries) + 1, len(self._entries) + count + 1):
            self._entries.append(LogEntry(seq, entry_of(0, seq, op=op)))
        self._grown.set()

    def go_back(self, count: int = 1) -> None:
        """Lose the newest entries, as in a failover."""
        del self._entries[-count:]

    async def position(self) -> Position:
        """Say where it stands."""
        self.while_asked()
        seq = len(self._entries)
        return Position(0, self.epoch, seq, 1, {0: seq} if seq else {})

    async def rotate(self, seen: str) -> str:
        """Begin a new epoch."""
        self.epoch = f"after {seen}"
        return self.epoch

    async def tail(self, seq: int, *, block_ms: int) -> list[LogEntry]:
        """Bring what comes next."""
        del block_ms
        self.readings += 1
        while len(self._entries) <= seq:
            self._grown.clear()
            await self._grown.wait()
        return self._entries[seq : seq + PAGE]

    async def entry(self, seq: int) -> LogEntry | None:
        """Read one entry."""
        return self._entries[seq - 1] if 1 <= seq <= len(self._entries) else None

    async def still_has(self, entry: LogEntry) -> bool:
        """Compare."""
        return await self.entry(entry.seq) == entry


class Audience:
    """Who listens, and what it was told."""

    def __init__(self) -> None:
        self.is_here = False
        self.breaks = 0

    def come(self) -> None:
        """Listen from now on."""
        self.is_here = True


@asynccontextmanager
async def reading(log: FakeLog, audience: Audience) -> AsyncIterator[Reader]:
    """Run a reader that would doze for ever."""

    def note_break() -> None:
        audience.breaks += 1

    reader = Reader(
        log,  # type: ignore[arg-type]  # a double
        capacity=10,
        on_events=lambda _epoch, _events: None,
        on_break=note_break,
        is_heard=lambda: audience.is_here,
        doze_ms=FOR_EVER_MS,
    )
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def audience() -> Audience:
    """Nobody, until a test lets somebody come."""
    return Audience()


async def reaches(reader: Reader, seq: int, epoch: str = EPOCH) -> None:
    """Wait until the reader is there."""
    async with asyncio.timeout(PATIENCE_S):
        await reader.reach(epoch, seq)


async def let_it_run() -> None:
    """Give way often enough for everything that does not wait for something."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_reader_that_nobody_listens_to_rests_between_looks(audience: Audience) -> None:
    """Each broker follows the log; most have no subscriber at most times."""
    log = FakeLog()
    log.grow()
    async with reading(log, audience) as reader:
        await let_it_run()
        log.grow()
        await let_it_run()

        assert reader.seq == 1


async def test_what_nobody_listens_to_is_not_read(audience: Audience) -> None:
    """It is where the log ends all the same, for whoever comes."""
    log = FakeLog()
    async with reading(log, audience) as reader:
        log.grow(2 * PAGE)
        await reaches(reader, 2 * PAGE)

        assert log.readings == 0
        assert reader.last_read == await log.entry(2 * PAGE)
        assert reader.floor == 2 * PAGE


async def test_who_comes_wakes_it(audience: Audience) -> None:
    """Whoever waits for a position gets it at once, not after the rest."""
    log = FakeLog()
    log.grow()
    async with reading(log, audience) as reader:
        await let_it_run()
        log.grow()

        await reaches(reader, 2)


async def test_a_reader_that_is_listened_to_never_rests(audience: Audience) -> None:
    """News go out as they come."""
    log, audience.is_here = FakeLog(), True
    log.grow()
    async with reading(log, audience) as reader:
        await let_it_run()
        log.grow()
        await let_it_run()

        assert reader.seq == 2


async def test_nothing_is_passed_over_for_who_comes_while_it_looks(audience: Audience) -> None:
    """From where the reader stood then, everything has to be passed on."""
    log = FakeLog()
    async with reading(log, audience) as reader:
        await let_it_run()
        log.while_asked = audience.come
        log.grow(3)
        await reaches(reader, 3)

        assert reader.floor == 0
        assert log.readings > 0


@pytest.mark.parametrize("regrown", [0, 1, 2])
async def test_a_log_that_went_back_is_noticed_though_nobody_listens(
    audience: Audience, *, regrown: int
) -> None:
    """Shorter than it was, as long, or longer: with the log the whole ledger may have gone back."""
    log = FakeLog()
    log.grow(5)
    async with reading(log, audience) as reader:
        await let_it_run()
        log.grow()
        await reaches(reader, 6)
        log.go_back()
        log.grow(regrown, op="another")
        reader.wake()

        await reaches(reader, 5 + regrown, epoch=f"after {EPOCH}")

        assert audience.breaks == 2
