"""Saying how far long work has come: a bar in a terminal, plain lines or JSON elsewhere.

It goes to standard error: what a script reads from standard output stays one answer.
"""

import json
import sys
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

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Say that ``done`` of ``total`` are done; the same again is not said again.

        With a total that nobody knows (``None``) something is shown in a terminal, and only there.
        """
        ...


@contextmanager
def telling(output: TextIO, *, as_json: bool) -> Iterator[Teller]:
    """Tell on an output, in the way that fits it."""
    if as_json:
        yield _JsonLines(output)
    elif output.isatty():
        with _bars(output) as bars:
            yield bars
    else:
        yield _Lines(output)


@contextmanager
def showing(output: TextIO, *, as_json: bool) -> Iterator[Teller]:
    """Show bars in a terminal; tell nobody else anything."""
    if as_json or not output.isatty():
        yield NOBODY
        return
    with _bars(output) as bars:
        yield bars


@contextmanager
def _bars(output: TextIO) -> Iterator[Teller]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    # What is printed meanwhile goes above the bars, but never to another file than it is meant for.
    is_one_screen = sys.stdout.isatty()
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=Console(file=output),
        redirect_stdout=is_one_screen,
    ) as bars:
        told = _Bars(bars)
        yield told
        told.end()


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._known: dict[str, TaskID] = {}

    def tell(self, what: str, done: int, total: int | None) -> None:
        if what not in self._known:
            self._known[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._known[what], completed=done, total=total)

    def end(self) -> None:
        """Say of work that nobody knew the end of that it has come to it."""
        for task in self._bars.tasks:
            if task.total is None:
                self._bars.update(task.id, total=task.completed)


class _Nobody:
    def tell(self, what: str, done: int, total: int | None) -> None:
        """Nobody looks."""


NOBODY: Final[Teller] = _Nobody()
"""Tells nobody anything."""


class _Lines:
    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._told: dict[str, int] = {}

    def tell(self, what: str, done: int, total: int | None) -> None:
        if total is None:
            return
        step = _STEPS if not total else done * _STEPS // total
        if self._told.get(what) != step:
            self._told[what] = step
            self._output.write(f"{what}: {done} of {total}\n")
            self._output.flush()


class _JsonLines:
    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._last = ""

    def tell(self, what: str, done: int, total: int | None) -> None:
        if total is None:
            return
        line = json.dumps({"progress": {"of": what, "done": done, "total": total}})
        if line != self._last:
            self._last = line
            self._output.write(line + "\n")
            self._output.flush()
