"""What a broker knows of a trail that another process of its machine writes.

Workers of one machine may share one file: whoever holds it writes, the others stand by and take
over when it is let go. What stands by is healthy as long as the feed log says that the trail
grows, so nothing is minted on any of them that nobody records.
"""

from typing import Final

from broker.clock import Clock
from broker.store.feed_log import FeedLog

UNSEEN: Final = "another process holds the file, and is not yet seen to write it"


class Standby:
    """Judges the writer by the cursor that it keeps in the log under ``name``.

    It is given ``deadline_ms`` for each step; one that never moves is no writer of this trail.
    """

    def __init__(self, name: str, feed_log: FeedLog, *, clock: Clock, deadline_ms: int) -> None:
        self._name = name
        self._log = feed_log
        self._clock = clock
        self._deadline_ms = deadline_ms
        self._stored: int | None = None
        self._moved_at_ms = 0
        self._is_trusted = False

    async def trouble(self) -> str:
        """Look once; say what is wrong with the writer, empty when nothing is.

        Raises:
            StoreUnavailableError: the log cannot be asked.
        """
        position = await self._log.position()
        cursor = (await self._log.cursors.all()).get(self._name)
        stored = cursor.seq if cursor is not None and cursor.epoch == position.epoch else None
        self._follow(stored, is_complete=stored is not None and stored >= position.seq)
        if not self._is_trusted:
            return UNSEEN
        waited_ms = self._clock.monotonic_ms() - self._moved_at_ms
        if waited_ms > self._deadline_ms:
            return f"the process that holds the file has not written for {waited_ms} ms"
        return ""

    def _follow(self, stored: int | None, *, is_complete: bool) -> None:
        has_moved = stored is not None and self._stored is not None and stored > self._stored
        if is_complete or has_moved:
            self._is_trusted, self._moved_at_ms = True, self._clock.monotonic_ms()
        self._stored = stored
