"""`broker task uses`: what a task's agent says that it did with its credentials."""

from typing import Final

import click
from rich.console import RenderableType
from rich.text import Text

from broker.cli.desk import Desk, at_desk
from broker.cli.screen import Document, fields, rows, stacked
from broker.cli.subjects import task_argument

_COLUMNS: Final = (
    *("times", "outcome", "problem", "status", "method", "host", "port", "rule", "need"),
    *("capability", "credential", "said_at"),
)


@click.command(short_help="Show what a task's agent says it used.")
@task_argument()
@at_desk
def uses(desk: Desk, /, task_id: str) -> None:
    """Show what a task's agent says that it did with its credentials.

    It is the word of the agent's own side (the injecting proxy of broker run), which nobody has
    checked: what is not said may have been done all the same.
    """
    desk.answer(lambda broker: broker.tasks.uses(task_id), said)


def said(document: Document) -> RenderableType:
    """Show it, with whose word it is."""
    table = rows(
        [_row(each) for each in document["uses"]],
        _COLUMNS,
        empty="Nothing was said: that is no sign that nothing was used.",
    )
    more = fields(document, [name for name in ("others", "untold") if document[name]])
    return stacked(Text("Said by the agent's own side, and checked by nobody:"), table, more)


def _row(use: Document) -> Document:
    """Leave empty what there was none of."""
    return {name: value or "" for name, value in use.items()}
