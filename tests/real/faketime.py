"""A ledger server and brokers whose clocks jump, by libfaketime: the real programs, unchanged."""

from pathlib import Path
from typing import Final

from broker.dev.embedded import EmbeddedServer

LIBFAKETIME: Final = "libfaketime"


class FakeTime:
    """A clock that a test sets, for every process that was started with :attr:`prefix`.

    Only the wall clock moves; the monotonic one, and so every timer, stays right.
    """

    def __init__(self, library: Path, file: Path) -> None:
        self._library = library
        self._file = file
        self.jump(0)

    @property
    def prefix(self) -> list[str]:
        """What a command line begins with."""
        return [
            "/usr/bin/env",
            f"LD_PRELOAD={self._library}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "DONT_FAKE_MONOTONIC=1",
        ]

    def jump(self, away_s: int) -> None:
        """Let the clock be so many seconds ahead of the machine's (behind it: negative)."""
        draft = self._file.with_suffix(".next")
        draft.write_text(f"{away_s:+d}\n", encoding="ascii")
        draft.replace(self._file)


class ShiftedServer(EmbeddedServer):
    """An embedded server that lives by such a clock."""

    def __init__(self, directory: Path, time: FakeTime) -> None:
        super().__init__(directory)
        self._time = time

    def _command(self) -> list[str]:
        return [*self._time.prefix, *super()._command()]
