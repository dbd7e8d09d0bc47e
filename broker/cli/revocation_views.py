"""How operators' orders look in a terminal. Pure, as :mod:`broker.cli.views`."""

from typing import Final

from rich.console import RenderableType
from rich.text import Text

from broker.cli.screen import Document, page, rows, stacked
from broker.cli.views import order
from broker.terminal import shown

COLUMNS: Final = ("id", "of", "ordered_at", "ordered_by", "state", "reason")


def revocations(document: Document) -> RenderableType:
    """Show a page of orders, and where the next one begins."""
    table = rows([_row(each) for each in document["revocations"]], COLUMNS, empty="No such orders.")
    return page(table, document)


def revocation(document: Document) -> RenderableType:
    """Show an order, and where its receipts are."""
    hint = Text("what became of each credential:  ", style="dim")
    hint.append(f"broker report {shown(document['id'])}", style="bold")
    return stacked(order(_counted(document)), hint)


def _row(document: Document) -> Document:
    of = " ".join(f"{name} {value}" for name, value in _named(document["selector"]))
    return {**document, "of": of, "state": _state(document)}


def _named(selector: Document) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), "" if value is True else str(value))
        for name, value in selector.items()
    ]


def _state(document: Document) -> str:
    if document.get("progress"):
        return f"{document['progress']['ended']} of {document['progress']['total']}"
    return "stands" if document["acknowledged"] else "pending"


def _counted(document: Document) -> Document:
    return {**document, "progress": _state(document) if document.get("progress") else None}
