"""How facts look in a terminal. Pure, as :mod:`broker.cli.views`."""

from typing import Final

from rich.console import RenderableType
from rich.text import Text

from broker.cli.screen import Document, fields, page, rows, stacked
from broker.terminal import shown

COLUMNS: Final = ("ref", "tenant", "status", "stands", "owner", "source", "hold", "purpose")
FIELDS: Final = (
    *("ref", "tenant", "status", "stands", "hold", "owner", "purpose", "risk", "data_class"),
    *("origin", "review_by", "identities", "ceiling", "quota", "source"),
)
RELATION_COLUMNS: Final = ("subject", "relation", "object", "counts", "expires_at", "source")
HISTORY_COLUMNS: Final = ("revision", "at", "by", "reason", "source", "what", "names")
DYING_COLUMNS: Final = ("credential", "agent", "capability", "task", "expires_at", "reason")

_NONE: Final = "No such things. Declare some: broker facts put --help, broker apply -f FILE"


def things(document: Document) -> RenderableType:
    """Show a page of things, and where the next one begins."""
    found = [_brief(each) for each in document["things"]]
    return page(rows(found, COLUMNS, empty=_NONE), document)


def thing(document: Document) -> RenderableType:
    """Show a thing, and its relationships below."""
    hint = Text("what follows from it:  ", style="dim")
    hint.append(f"broker facts reach --from {shown(document['ref'])}", style="bold")
    whole = "" if document["complete"] else "There are more relationships than are shown."
    both = [*document["up"], *document["down"]]
    return stacked(
        fields(_full(document), FIELDS),
        rows(both, RELATION_COLUMNS, empty="It stands to nothing in any relationship."),
        *([Text(whole, style="yellow")] if whole else []),
        hint,
    )


def reach(document: Document) -> RenderableType:
    """Show what is reached, each with a way to it."""
    found = [{"ref": each["ref"], "through": way(each["through"])} for each in document["reached"]]
    verb = "reaches" if document["direction"] == "from" else "is reached from"
    title = Text(
        shown(f"{document['of']} {verb}, at revision {document['revision']}:"), style="dim"
    )
    return page(stacked(title, rows(found, ("ref", "through"), empty="Nothing.")), document)


def way(steps: list[Document]) -> str:
    """Write a way in one line."""
    if not steps:
        return ""
    return str(steps[0]["subject"]) + "".join(
        f" {step['relation']} {step['object']}" for step in steps
    )


def history(document: Document) -> RenderableType:
    """Show what was changed, newest first."""
    found = [{**each, "what": _counted(each["counts"])} for each in document["history"]]
    table = rows(found, HISTORY_COLUMNS, empty="No fact of your tenants was ever changed.")
    return page(table, document)


def entry(document: Document) -> RenderableType:
    """Show one revision with its changes."""
    summary = {**document, "what": _counted(document["counts"])}
    names = ("revision", "at", "by", "reason", "source", "what")
    lines = [{"op": each["op"], "what": _change(each)} for each in document["changes"]]
    table = rows(lines, ("op", "what"), empty="Nothing of your tenants.")
    return page(stacked(fields(summary, names), table), document)


def changed(document: Document) -> RenderableType:
    """Show what became of a change: who dies of it, and the revision that it is."""
    return stacked(*dying(document), Text(_said(document)))


def dying(document: Document) -> list[RenderableType]:
    """Show which live credentials die, and say how many more there are."""
    parts: list[RenderableType] = []
    if document.get("unsure"):
        parts.append(Text(f"{unsure(document['unsure'])}".capitalize(), style="yellow"))
    if not document["deaths"]:
        return parts
    parts.insert(0, rows(document["dying"], DYING_COLUMNS, empty=""))
    left = document["deaths"] - len(document["dying"])
    if left > 0:
        parts.insert(1, Text(f"… and {left} more", style="dim"))
    return parts


def unsure(count: int) -> str:
    """Say of how many it is not known whether they die, and why."""
    return (
        f"cannot tell of {count} live credentials: the engine that decides gives no answer, and if "
        "it stays away they end"
    )


def _said(document: Document) -> str:
    deaths = f"{document['deaths']} live credentials"
    doubt = "" if document["complete"] else " at least"
    if document["dry_run"]:
        would = f"it would end{doubt} {deaths}"
        return f"Revision {document['revision']} stands; nothing was changed: {would}."
    if not document["digest"] and document["complete"]:
        # So few can be touched by it that nobody looked.
        return f"Revision {document['revision']} stands; what is no longer granted ends by itself."
    return f"Revision {document['revision']} stands; it ends{doubt} {deaths}."


def _brief(document: Document) -> Document:
    return {**document, "hold": _held(document)}


def _full(document: Document) -> Document:
    identities = [f"{each['issuer']} {each['subject']}" for each in document["identities"]]
    return {**document, "hold": _held(document), "identities": identities}


def _held(document: Document) -> str:
    held = document.get("hold")
    return f"{held['reason']} ({held['by']}, {held['at']})" if held else ""


def _counted(counts: Document) -> str:
    return ", ".join(f"{count} {op}" for op, count in counts.items())


def _change(document: Document) -> str:
    related = document.get("relationship")
    if related:
        until = f" until {related['expires_at']}" if related.get("expires_at") else ""
        return f"{related['subject']} {related['relation']} {related['object']}{until}"
    return str(document.get("ref") or document["thing"]["ref"])
