"""How the story is told: to a terminal, to a file or pipe, or as one JSON document."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, Protocol, TextIO

from rich.console import Console, RenderableType
from rich.status import Status
from rich.table import Table
from rich.text import Text

from broker.dev.step import Death, Outcome
from broker.terminal import shown

_ID: Final = re.compile(r"\b([tclrd]_[0-9a-f]{2}_[a-z2-7]{4})[a-z2-7]{22}\b")

PLAIN_WIDTH = 100
"""A pipe has no width of its own."""


class Reporter(Protocol):
    """Whoever listens to the story."""

    def begin(self, chapter: str, title: str) -> None:
        """Tell that a step starts."""
        ...

    def done(self, outcome: Outcome) -> None:
        """Tell how the step went."""
        ...

    def receipts(self, deaths: Sequence[Death]) -> None:
        """Show how every credential ended."""
        ...

    def end(self, failure: str) -> None:
        """Tell the verdict: empty when all was as it must be."""
        ...


class PrintedReporter:
    """Prints each step as it happens; colours and a spinner only in a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._chapter = ""
        self._status: Status | None = None

    def begin(self, chapter: str, title: str) -> None:
        """Print the chapter's heading when it is new, and spin while the step runs."""
        if chapter != self._chapter:
            self._chapter = chapter
            self._console.print(Text(f"\n{chapter}", style="bold"))
        if self._console.is_terminal:
            self._status = self._console.status(Text(title, style="dim"))
            self._status.start()

    def done(self, outcome: Outcome) -> None:
        """Replace the spinner by the step's line."""
        self._still()
        self._console.print(self._line(outcome))

    def receipts(self, deaths: Sequence[Death]) -> None:
        """Print the table."""
        self._console.print()
        self._console.print(receipts_table(deaths))

    def end(self, failure: str) -> None:
        """Print the verdict."""
        self._still()
        verdict = failure or "Everything that had to die is dead. Nothing is left running."
        self._console.print(Text(f"\n{verdict}", style="bold red" if failure else "bold green"))

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _line(self, outcome: Outcome) -> RenderableType:
        line = Table.grid(expand=True, padding=(0, 1))
        line.add_column(width=4, style="red" if outcome.failure else "green")
        line.add_column(ratio=1)
        line.add_column(justify="right", style="dim", no_wrap=True)
        text = Text(outcome.title)
        if outcome.failure is None and outcome.seen:
            text.append(f"  {_short(shown(outcome.seen))}", style="cyan")
        mark = "FAIL" if outcome.failure else "ok"
        line.add_row(mark, text, f"{outcome.took_ms} ms")
        return line


class JsonReporter:
    """Collects, and writes one JSON document at the end."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._document: dict[str, Any] = {"ok": False, "failure": "", "steps": [], "receipts": []}

    def begin(self, chapter: str, title: str) -> None:
        """Say nothing: the document has no half steps."""

    def done(self, outcome: Outcome) -> None:
        """Keep the step."""
        step = {
            "name": outcome.name,
            "chapter": outcome.chapter,
            "title": outcome.title,
            "ok": outcome.failure is None,
            "seen": outcome.seen,
            "milliseconds": outcome.took_ms,
        }
        if outcome.failure is not None:
            step["expected"] = outcome.failure.expected
        self._document["steps"].append(step)

    def receipts(self, deaths: Sequence[Death]) -> None:
        """Keep the receipts."""
        self._document["receipts"] = [
            {
                "task_name": death.task_name,
                "task": death.task,
                "credential": death.credential,
                "cause": death.cause,
                "state": death.state,
                "milliseconds": death.took_ms,
            }
            for death in deaths
        ]

    def end(self, failure: str) -> None:
        """Write the document."""
        self._document |= {"ok": not failure, "failure": failure}
        json.dump(self._document, self._output, indent=2)
        self._output.write("\n")


def _short(text: str) -> str:
    """Cut ids down to what tells them apart: the receipts have them whole."""
    return _ID.sub(r"\1…", text)


def receipts_table(deaths: Sequence[Death]) -> Table:
    """Lay out the receipts: one row a credential."""
    table = Table(
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
        caption="ms: from what ended it to the first refusal where it was used",
        caption_justify="left",
    )
    for heading in ("task", "credential", "ended by", "state"):
        table.add_column(heading, overflow="fold")
    table.add_column("ms", justify="right")
    for death in deaths:
        words = (death.task_name, death.credential, death.cause, death.state)
        table.add_row(*(Text(shown(word)) for word in words), str(death.took_ms))
    return table


def printed(stream: TextIO) -> PrintedReporter:
    """Make the reporter for a stream: a terminal keeps its width, a pipe gets a readable one."""
    plain = not stream.isatty()
    return PrintedReporter(Console(file=stream, width=PLAIN_WIDTH if plain else None))
