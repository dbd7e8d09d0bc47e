"""How `broker scan` shows what it found to people."""

from rich.console import RenderableType
from rich.text import Text

from broker.cli.screen import Document, rows, stacked
from broker.terminal import shown

_COLUMNS = ("place", "kind", "what", "age", "owner", "replaced_by")


def findings(told: Document) -> RenderableType:
    """Lay findings out, and say below how much was looked through."""
    table = rows([_row(each) for each in told["findings"]], _COLUMNS, empty="No secrets.")
    return stacked(table, Text(_summary(told), style="dim"))


def _row(finding: Document) -> Document:
    place = f"{finding['path']}:{finding['line']}" if finding["line"] else finding["path"]
    commit = f" @{finding['commit'][:10]}" if finding["commit"] else ""
    what = " ".join(
        word for word in (finding["name"], finding["preview"], _beside(finding)) if word
    )
    age = finding["age_days"]
    return {
        "place": f"{place}{commit}",
        "kind": finding["kind"],
        "what": what,
        "age": "" if age is None else f"{age} d",
        "owner": finding["owner"],
        "replaced_by": finding["replaced_by"] or _nothing(finding["instead"]),
    }


def _nothing(instead: str) -> str:
    """Say so where nobody could declare anything; why not stands in the list of a fix."""
    return "nothing yet" if instead.startswith("Nothing yet") else ""


def _beside(finding: Document) -> str:
    """Say what a login is for, from what stands beside it."""
    beside = finding["beside"]
    scheme = f"{beside['scheme']}://" if "scheme" in beside else ""
    database = f"/{beside['database']}" if "database" in beside else ""
    return f"{scheme}{beside.get('host', '')}{database}"


def _summary(told: Document) -> str:
    count = len(told["findings"])
    parts = [f"{count} finding{'' if count == 1 else 's'}"]
    if told["accepted"]:
        parts.append(f"{told['accepted']} accepted by the baseline")
    parts += [f"{number} {what} read" for what, number in told["read"].items() if what != "bytes"]
    parts += [f"{number} {what} left out" for what, number in told["left_out"].items()]
    return shown(", ".join(parts)) + "."
