"""Where answers are printed: as tables for people, or as they came, in JSON, for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO, TypeAlias

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

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
    "deny": "red",
    "cancelled": "yellow",
    "suspended": "yellow",
    "retired": "blue",
    "pending": "yellow",
    "requested": "yellow",
    "accepted": "yellow",
    "irrevocable": "red",
}


PIPE_WIDTH = 1000
"""A pipe has no width: nothing is folded, so that what is printed can be searched and cut."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the command end as all others do whose reader went away."""
        raise BrokenPipeError


class Screen:
    """Prints answers in one of two ways."""

    def __init__(self, output: TextIO, *, as_json: bool) -> None:
        self._console = _Console(file=output, width=None if output.isatty() else PIPE_WIDTH)
        self._as_json = as_json

    @property
    def is_json(self) -> bool:
        """Tell whether a program reads."""
        return self._as_json

    def answer(self, document: Document, view: Callable[[Document], RenderableType]) -> None:
        """Print one answer: through its view, or as JSON."""
        if self._as_json:
            self._console.file.write(json.dumps(document, indent=2) + "\n")
        else:
            self._console.print(view(document))


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
        table.add_column(column.replace("_", " "), overflow="fold")
    for document in documents:
        table.add_row(*(cell(document.get(column)) for column in columns))
    return table


def stacked(*parts: RenderableType) -> Group:
    """Put parts below each other, with a line between; a part without lines is left out."""
    spaced: list[RenderableType] = []
    for part in parts:
        if not (isinstance(part, Table) and part.row_count == 0):
            spaced += [part, Text()]
    return Group(*spaced[:-1])
