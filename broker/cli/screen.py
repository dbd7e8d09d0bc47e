"""Where answers are printed: as tables for people, or as they came, in JSON, for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TextIO, TypeAlias
from urllib.parse import parse_qs, urlsplit

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from broker.cli.failure import unwritten
from broker.terminal import shown

Document: TypeAlias = Mapping[str, Any]

STATE_STYLES = {
    "open": "green",
    "active": "green",
    "confirmed": "green",
    "permit": "green",
    "completed": "blue",
    "expired": "blue",
    "failed": "red",
    "passed": "green",
    "deny": "red",
    "cancelled": "yellow",
    "suspended": "yellow",
    "retired": "blue",
    "pending": "yellow",
    "requested": "yellow",
    "accepted": "yellow",
    "irrevocable": "red",
    "orphan": "red",
    "undead": "red",
    "missing": "yellow",
    "unmarked": "yellow",
    "remnant": "blue",
    "ended": "green",
    "spared": "blue",
    "mended": "green",
    "waits": "yellow",
}


PIPE_WIDTH = 1000
"""A pipe has no width: nothing is folded, so that what is printed can be searched and cut."""


WHOLE: Final = frozenset({"id", "credential", "task", "revocation"})
"""Columns of ids: in a narrow terminal others are folded, for half an id cannot be copied."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the command end as all others do whose reader went away."""
        raise BrokenPipeError


class Screen:
    """Prints answers in one of two ways."""

    def __init__(self, output: TextIO, *, as_json: bool) -> None:
        self._is_terminal = output.isatty()
        self._console = _Console(file=output, width=None if self._is_terminal else PIPE_WIDTH)
        self._as_json = as_json

    @property
    def is_json(self) -> bool:
        """Tell whether a program reads."""
        return self._as_json

    def answer(self, document: Document, view: Callable[[Document], RenderableType]) -> None:
        """Print one answer: through its view, or as JSON.

        Raises:
            CommandFailedError: there is no room for it; what was asked of the broker is done.
        """
        try:
            self._put(document, view)
            self._console.file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritten(error) from error

    def _put(self, document: Document, view: Callable[[Document], RenderableType]) -> None:
        if self._as_json:
            self._console.file.write(json.dumps(document, indent=2) + "\n")
        elif self._is_terminal:
            self._console.print(view(document))
        else:
            with self._console.capture() as printed:
                self._console.print(view(document))
            lines = printed.get().splitlines()
            self._console.file.write("".join(f"{line.rstrip()}\n" for line in lines))


def cell(value: object) -> Text:
    """Make a table's cell; a state that is known has its colour."""
    text = shown(value)
    return Text(text, style=STATE_STYLES.get(text, ""))


def fields(document: Document, names: Sequence[str]) -> Table:
    """Lay out the named members of one answer, one a line; what is absent is left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name in names:
        if document.get(name) not in (None, "", [], {}):
            grid.add_row(Text(name.replace("_", " ")), cell(document[name]))
    return grid


def rows(documents: Sequence[Document], columns: Sequence[str], *, empty: str) -> RenderableType:
    """Lay out many answers as a table, or say what an empty one means."""
    if not documents:
        return Text(empty, style="dim")
    table = Table(header_style="dim", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column in WHOLE)
    for document in documents:
        table.add_row(*(cell(document.get(column)) for column in columns))
    return table


def page(table: RenderableType, document: Document) -> RenderableType:
    """Say below a page of a list where the next one begins; nothing is cut off unsaid."""
    cursor = parse_qs(urlsplit(document.get("next") or "").query).get("cursor", [""])[0]
    if not cursor:
        return table
    hint = Text("there are more:  ", style="dim")
    return stacked(table, hint.append(f"--cursor {shown(cursor)}", style="bold"))


def stacked(*parts: RenderableType) -> Group:
    """Put parts below each other, with a line between; a part without lines is left out."""
    spaced: list[RenderableType] = []
    for part in parts:
        if not (isinstance(part, Table) and part.row_count == 0):
            spaced += [part, Text()]
    return Group(*spaced[:-1])
