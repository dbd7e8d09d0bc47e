"""`broker scan` while it works: how much lies ahead, how much is done, how long it still takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from broker.scanning.watching import NOBODY, Watcher


@contextmanager
def watching(output: TextIO, *, is_quiet: bool) -> Iterator[Watcher]:
    """Show bars in a terminal; elsewhere nobody looks, and nothing is counted beforehand."""
    if is_quiet or not output.isatty():
        yield NOBODY
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[things]}"),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=output), redirect_stdout=False) as bars:
        yield _Bars(bars)


class _Bars:
    """A bar for files and one for versions: they move by bytes, and say how many things."""

    is_there = True

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._counts: dict[str, tuple[int, int]] = {}

    def ahead(self, what: str, number: int, size: int) -> None:
        """Let the bar become longer."""
        task = self._task(what)
        self._count(what, 0, number)
        self._bars.update(task, total=(self._bars.tasks[task].total or 0) + size)

    def done(self, what: str, number: int, size: int) -> None:
        """Let it move."""
        task = self._task(what)
        if number:
            self._count(what, number, 0)
        self._bars.update(task, advance=size)

    def _task(self, what: str) -> TaskID:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=0, things="")
        return self._tasks[what]

    def _count(self, what: str, done: int, ahead: int) -> None:
        before = self._counts.get(what, (0, 0))
        self._counts[what] = before[0] + done, before[1] + ahead
        read, of = self._counts[what]
        said = f"{read:,} of {max(read, of):,} {what}"
        self._bars.update(self._tasks[what], things=said)
