"""Where the next page of a list begins, told below a page of it."""

from urllib.parse import parse_qs, urlsplit

from rich.console import RenderableType
from rich.text import Text

from broker.cli.screen import Document, stacked
from broker.terminal import shown


def more(table: RenderableType, document: Document) -> RenderableType:
    """Show a page, and below it the option that asks for the next one, if there is one."""
    cursor = parse_qs(urlsplit(document.get("next") or "").query).get("cursor", [""])[0]
    if not cursor:
        return table
    hint = Text("there are more:  ", style="dim")
    return stacked(table, hint.append(f"--cursor {shown(cursor)}", style="bold"))
