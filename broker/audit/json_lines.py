"""Copies the whole feed log into one file of chained JSON lines.

- A line is on disk before the log is told that it is stored, so a crash loses and doubles nothing:
  the file's own last line says where to go on.
- While the file cannot be written the sink says so; nothing should be minted then, and revocation
  goes on. What was missed is caught up, because the log keeps what a sink lacks.
- Entries that the log no longer has are not passed over in silence: a line of their own says so.
- Processes of one machine may share a file: one writes, the others stand by.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from broker.audit.record import GAP, Line, gap_line, line_of
from broker.audit.standby import Standby
from broker.audit.trail_file import KEEP, Tail, TrailFile, TrailHeldError, UnfitTrailError
from broker.clock import Clock
from broker.daemon_thread import in_daemon_thread
from broker.errors import StoreUnavailableError
from broker.store.feed_cursors import Cursor
from broker.store.feed_entry import LogEntry
from broker.store.feed_keys import bucket_tag
from broker.store.feed_log import PAGE, FeedLog, Position

DEADLINE_MS: Final = 2_000
"""How long one write may take. A sink that hangs longer is not healthy (F10)."""

REST_S: Final = 0.5
"""Between attempts after a failure."""

BLOCK_MS: Final = 1_000
"""How long one wait for news lasts."""

GATHER_S: Final = 0.25
"""After less than a page: each page costs a write and a sync of the disk, however short it is."""

POLL_S: Final = 0.01
"""Between two looks at how far the file is."""

LOGGER: Final = logging.getLogger(__name__)

T = TypeVar("T")


def sink_name(path: Path) -> str:
    """Name the sink of a file on this machine, when nobody gave it a name."""
    place = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:8]
    return f"{socket.gethostname()}-{place}"


class JsonLinesSink:
    """An audit sink. Every file has a sink name of its own, and each is complete.

    ``name`` must stay the same for the same file: under it the log remembers how far it is stored,
    and processes that share the file know by it that it is being written.
    With ``is_synced`` false a power failure may take the last lines; they are caught up.
    """

    def __init__(
        self,
        path: Path,
        feed_log: FeedLog,
        *,
        clock: Clock,
        name: str = "",
        is_synced: bool = True,
        deadline_ms: int = DEADLINE_MS,
    ) -> None:
        self.name = name or sink_name(path)
        self._path = path
        self._log = feed_log
        self._clock = clock
        self._deadline_ms = deadline_ms
        self._file = TrailFile(path, is_synced=is_synced)
        self._at = Cursor(0, "", "")
        self._last: LogEntry | None = None
        self._trouble = "not opened yet"
        self._waits_since_ms: int | None = None
        self._is_abandoned = False
        self._standby: Standby | None = None
        self._hurry = asyncio.Event()

    async def run(self) -> None:
        """Copy until cancelled, whatever the disk and the store do."""
        try:
            while True:
                try:
                    await self._copy()
                except StoreUnavailableError as error:
                    LOGGER.warning("the audit trail waits for the store: %s", error)
                except TrailHeldError:
                    await self._stand_by()
                except OSError as error:
                    self._fail(error, error.strerror or type(error).__name__)
                except UnfitTrailError as error:
                    self._fail(error, error.what)
                    await self._timed(self._file.close)  # who stands by shall see it too
                await asyncio.sleep(REST_S)
        finally:
            if self._is_abandoned:
                threading.Thread(target=self._file.close, daemon=True).start()
            else:
                self._file.close()

    async def caught_up(self) -> None:
        """Wait until the file has what the log has now, unless it is not this process that writes.

        Raises:
            StoreUnavailableError: nobody knows what the log has.
        """
        position = await self._log.position()
        self._hurry.set()
        try:
            while self.is_healthy() and self._standby is None and self._lacks(position):  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        finally:
            self._hurry.clear()

    def _lacks(self, position: Position) -> bool:
        return self._at.epoch == position.epoch and self._at.seq < position.seq

    def is_healthy(self) -> bool:
        """Tell whether what happens is being recorded."""
        return not self.reason()

    def reason(self) -> str:
        """Say what keeps the trail from being written; empty when nothing does."""
        since_ms = self._waits_since_ms
        if since_ms is not None:
            waited_ms = self._clock.monotonic_ms() - since_ms
            if waited_ms > self._deadline_ms:
                return f"a write has not ended for {waited_ms} ms"
        return self._trouble

    def _fail(self, error: Exception, trouble: str) -> None:
        self._trouble = trouble
        LOGGER.warning("the audit trail cannot be written: %s", error)

    async def _copy(self) -> None:
        tail = await self._opened()
        position = await self._log.position()
        await self._compare_with_cursor(tail.at)
        self._at, self._last = tail.at, None
        if tail.at.epoch != position.epoch:
            self._begin(position)
        elif not await self._is_of_this_log(tail, position):
            self._begin(await self._in_new_epoch(position))
        await self._log.cursors.store(self.name, self._at)
        await self._copy_page(block_ms=0)
        # Only now: a full disk can be opened, and shows when there is something to write.
        self._trouble = ""
        while True:
            if await self._copy_page(block_ms=BLOCK_MS) < PAGE:
                await self._gather()

    async def _gather(self) -> None:
        """Let more come together, unless somebody waits for what there is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_S):
                await self._hurry.wait()

    async def _opened(self) -> Tail:
        tail = await self._timed(self._file.open)
        self._standby = None
        return tail

    async def _stand_by(self) -> None:
        if self._standby is None:
            LOGGER.info("another process writes the audit trail: this one stands by")
            self._standby = Standby(
                self.name, self._log, clock=self._clock, deadline_ms=self._deadline_ms
            )
        try:
            self._trouble = await self._standby.trouble()
        except StoreUnavailableError as error:
            LOGGER.warning("the audit trail waits for the store: %s", error)

    async def _compare_with_cursor(self, found: Cursor) -> None:
        """Compare the file's end with what the log was told of it.

        Raises:
            UnfitTrailError: its last line was changed after it was written.
        """
        known = (await self._log.cursors.all()).get(self.name)
        if known is None:
            return
        if found.epoch == known.epoch and found.seq == known.seq and found.head != known.head:
            what = "its last line was changed after it was written"
            raise UnfitTrailError(self._path, what, KEEP)
        if not found.epoch or (found.epoch == known.epoch and found.seq < known.seq):
            LOGGER.error(
                "the audit file ends at %d, but %d was stored: what the log still has is caught up",
                found.seq,
                known.seq,
            )

    async def _is_of_this_log(self, tail: Tail, position: Position) -> bool:
        """Tell whether the log has, in the place of the file's last line, what that line says."""
        if tail.at.seq < position.first or tail.record.get("type") == GAP:
            return True  # trimmed since
        found = await self._log.after(tail.at.seq - 1)
        if not found or found[0].seq != tail.at.seq:
            return False
        change, record = found[0].change, tail.record
        said = (record.get("bucket"), record.get("n"), record.get("op"))
        return said == (bucket_tag(change.bucket), change.n, change.op)

    async def _in_new_epoch(self, position: Position) -> Position:
        LOGGER.error("the feed log lost what was recorded of it: a new epoch begins")
        await self._log.rotate(position.epoch)
        return await self._log.position()

    def _begin(self, position: Position) -> None:
        """Go on with another epoch: everything that the log has is recorded in it."""
        self._at = Cursor(position.first - 1, position.epoch, self._at.head)
        self._last = None

    async def _copy_page(self, *, block_ms: int) -> int:
        """Copy what comes next; return how much that was."""
        entries = await self._log.tail(self._at.seq, block_ms=block_ms)
        # Looked at after reading: the entries are of this epoch, or of none that counts.
        position = await self._log.position()
        if position.epoch != self._at.epoch:
            self._begin(position)
        elif position.seq < self._at.seq or not await self._still_has_last():
            self._begin(await self._in_new_epoch(position))
        elif entries:
            await self._record(entries, position.now_ms)
        await self._log.cursors.store(self.name, self._at)
        return len(entries)

    async def _still_has_last(self) -> bool:
        return self._last is None or await self._log.still_has(self._last)

    async def _record(self, entries: Sequence[LogEntry], now_ms: int) -> None:
        lines: list[Line] = []
        at = self._at
        for entry in entries:
            if entry.seq > at.seq + 1:
                LOGGER.error("entries %d to %d were lost", at.seq + 1, entry.seq - 1)
                lines.append(gap_line(entry.seq - 1, at, now_ms))
                at = lines[-1].at
            lines.append(line_of(entry, at))
            at = lines[-1].at
        data = b"".join(line.data + b"\n" for line in lines)
        await self._timed(lambda: self._file.append(data))
        self._at, self._last = at, entries[-1]

    async def _timed(self, work: Callable[[], T]) -> T:
        """Do blocking work beside the loop, and note since when it goes on."""
        self._waits_since_ms = self._clock.monotonic_ms()
        try:
            return await in_daemon_thread(work)
        except asyncio.CancelledError:
            self._is_abandoned = True  # the thread may still be at it: the file stays in its hands
            raise
        finally:
            self._waits_since_ms = None
