"""What stands above a view while an emergency is open: nobody looks at a task without seeing it."""

from rich.table import Table
from rich.text import Text

from broker.cli.screen import Document
from broker.terminal import shown


def emergencies(*documents: Document) -> Table:
    """Say which emergencies are open for what is shown; nothing where none is."""
    found = {each["id"]: each for one in documents for each in one.get("open_break_glass") or ()}
    lines = Table.grid()
    for each in found.values():
        lines.add_row(Text(_line(each), style="bold red"))
    return lines


def _line(each: Document) -> str:
    what = f"{each['capability']} {' '.join(each['scopes'])}"
    until = f"for {each['agent']} until {each['ends_at']}"
    return shown(f"EMERGENCY {each['id']} is open: {what} {until}")
