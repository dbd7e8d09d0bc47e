"""Saying how far long work has come: a bar in a terminal, plain lines or JSON elsewhere.

It goes to standard error: what a script reads from standard output stays one answer.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

_STEPS: Final = 10
"""Plain lines for one piece of work, so that a log is not flooded."""


class Teller(Protocol):
    """Tells how far something has come."""

    def tell(self, what: str, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` are done; the same again is not said again."""
        ...


@contextmanager
def telling(output: TextIO, *, as_json: bool) -> Iterator[Teller]:
    """Tell on an output, in the way that fits it."""
    if as_json:
        yield _JsonLines(output)
    elif output.isatty():
        console = Console(file=output)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
            yield _Bars(bars)
    else:
        yield _Lines(output)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._known: dict[str, TaskID] = {}

    def tell(self, what: str, done: int, total: int) -> None:
        if what not in self._known:
            self._known[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._known[what], completed=done, total=total)


class _Lines:
    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._told: dict[str, int] = {}

    def tell(self, what: str, done: int, total: int) -> None:
        step = _STEPS if not total else done * _STEPS // total
        if self._told.get(what) != step:
            self._told[what] = step
            self._output.write(f"{what}: {done} of {total}\n")
            self._output.flush()


class _JsonLines:
    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._last = ""

    def tell(self, what: str, done: int, total: int) -> None:
        line = json.dumps({"progress": {"of": what, "done": done, "total": total}})
        if line != self._last:
            self._last = line
            self._output.write(line + "\n")
            self._output.flush()
