"""The audit trail as JSON lines: a first form, which the chained one replaces."""

import asyncio
import json
from pathlib import Path

from broker.clock import Clock
from broker.errors import StoreUnavailableError
from broker.store.feed_log import FeedLog


class JsonLinesSink:
    """Copies the feed log to a file."""

    def __init__(self, path: Path, feed_log: FeedLog, *, clock: Clock) -> None:
        self._path = path
        self._log = feed_log
        self._clock = clock
        self._reason = ""

    async def run(self) -> None:
        """Copy until cancelled."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        seq = 0
        with self._path.open("a") as file:
            while True:
                try:
                    entries = await self._log.tail(seq, block_ms=1000)
                except StoreUnavailableError:
                    await asyncio.sleep(0.5)
                    continue
                for entry in entries:
                    change = entry.change
                    detail = json.loads(change.detail or "{}")
                    file.write(json.dumps({"seq": entry.seq, "type": change.type, **detail}) + "\n")
                    seq = entry.seq
                file.flush()

    def is_healthy(self) -> bool:
        """Tell whether it can be written."""
        return not self._reason

    def reason(self) -> str:
        """Say why not."""
        return self._reason
