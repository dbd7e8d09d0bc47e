"""What was done with which credential: told in lines of JSON and to whoever asks, never in the way.

A use names the rule, not the path; no query, no header and no body is told. What cannot be told in
time is dropped and counted, and the count is told.
"""

import asyncio
import contextlib
import json
import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from broker.clock import rfc3339
from broker.daemon_thread import in_daemon_thread

_LOG: Final = logging.getLogger(__name__)
_LOG_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
_MOST_WAITING: Final = 4_096
_BATCH: Final = 256
_PAUSE_SECONDS: Final = 0.2
"""Uses of so long a time are told together."""
_LONGEST_REPORT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One exchange, as it is told."""

    at_ms: int
    outcome: str
    """``answered``, ``tunnelled``, ``refused``, ``cut`` (the credential ended), ``broken``."""
    method: str = ""
    host: str = ""
    port: int = 0
    need: str = ""
    rule: str = ""
    credential: str = ""
    """The lease whose credential was put in; empty when none was."""
    status: int = 0
    problem: str = ""
    masked: bool = False
    """The answer held the credential, which the child did not get."""

    def line(self) -> str:
        """Write it as one line of JSON, ASCII only."""
        told = {name: value for name, value in asdict(self).items() if value}
        told["at"] = rfc3339(told.pop("at_ms", 0))
        return json.dumps(told, sort_keys=True)


class Reporter(Protocol):
    """Hears of uses."""

    async def report(self, uses: Sequence[Use], missing: int = 0) -> None:
        """Take a batch; ``missing`` more exchanges there were that nobody can tell of.

        May fail in any way or be slow: it is then left out, logged, and missing from then on.
        """
        ...


class Uses:
    """Takes uses at once and tells them later, in batches."""

    def __init__(self, log: Path | None = None, reporter: Reporter | None = None) -> None:
        self._log = log
        self._reporter = reporter
        self._waiting: deque[Use] = deque(maxlen=_MOST_WAITING)
        self._dropped = 0
        self._unreported = 0
        self._news = asyncio.Event()
        self._over = asyncio.Event()

    def note(self, use: Use) -> None:
        """Take a use; the oldest that waits gives way when too many do."""
        self._dropped += len(self._waiting) == _MOST_WAITING
        self._waiting.append(use)
        self._news.set()

    async def run(self) -> None:
        """Tell until it is stopped."""
        is_over = False
        while not is_over:
            await self._news.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._over.wait()
            is_over = self._over.is_set()
            await self.flush()

    async def flush(self) -> None:
        """Tell all that waits."""
        self._news.clear()
        while self._waiting or self._dropped:
            count = min(len(self._waiting), _BATCH)
            batch = [self._waiting.popleft() for _ in range(count)]
            dropped, self._dropped = self._dropped, 0
            await self._write(batch, dropped)
            await self._report(batch, dropped)

    async def _write(self, batch: Sequence[Use], dropped: int) -> None:
        if self._log is None:
            return
        lines = [use.line() for use in batch]
        if dropped:
            lines.append(json.dumps({"dropped": dropped}))
        file, text = self._log, "".join(f"{line}\n" for line in lines)
        try:
            await in_daemon_thread(lambda: _append(file, text))
        except OSError as error:
            _LOG.warning("uses were not written: %s", type(error).__name__)

    async def _report(self, batch: Sequence[Use], dropped: int) -> None:
        self._unreported += dropped
        if self._reporter is None or not batch:
            return
        missing, self._unreported = self._unreported, 0
        try:
            async with asyncio.timeout(_LONGEST_REPORT_SECONDS):
                await self._reporter.report(batch, missing)
        except Exception as error:  # noqa: BLE001  telling must not end because one report failed
            self._unreported = missing + len(batch)
            _LOG.warning("%d uses were not reported: %s", len(batch), type(error).__name__)

    async def stop(self, running: asyncio.Task[None]) -> None:
        """End :meth:`run`, and tell what is left, within a bound."""
        self._over.set()
        self._news.set()
        # Cancelled at once, it would lose what it is telling just now.
        await asyncio.wait({running}, timeout=_LONGEST_REPORT_SECONDS)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def ensure_log(file: Path) -> None:
    """Make the log, where there is none yet.

    Raises:
        OSError: it could not be written.
    """
    os.close(os.open(file, _LOG_FLAGS | os.O_NONBLOCK, 0o600))  # a pipe would wait for a reader


def _append(file: Path, text: str) -> None:
    with open(os.open(file, _LOG_FLAGS, 0o600), "a", encoding="ascii") as opened:  # noqa: PTH123  a descriptor
        opened.write(text)
