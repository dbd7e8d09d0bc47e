"""How a change of what is published looks: as a document, and in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from broker.cli import fact_views
from broker.cli.screen import Document, fields, rows, stacked
from broker.clock import rfc3339
from broker.governance.difference import Change
from broker.store.control_record import Publication
from broker.terminal import shown

REVISION_COLUMNS = ("revision", "at", "by", "reason", "rollback_of", "digest")
SIGNS = {"added": "+", "removed": "-", "changed": "~"}
STYLES = {"added": "green", "removed": "red", "changed": "yellow"}


def changes(found: Sequence[Change]) -> list[Document]:
    """Describe changes."""
    return [
        {
            "section": change.section,
            "name": change.name,
            "kind": change.kind.value,
            "members": [
                {"name": m.name, "before": m.before, "after": m.after} for m in change.members
            ],
            "lines": list(change.lines),
        }
        for change in found
    ]


def changes_view(documents: Sequence[Document]) -> RenderableType:
    """Show changes: one line a thing, and below it what of it is another."""
    if not documents:
        return Text("No difference.", style="dim")
    lines = [line for document in documents for line in _change(document)]
    return Group(*lines)


def publication(entry: Publication) -> Document:
    """Describe a revision."""
    return {
        "revision": entry.revision,
        "at": rfc3339(entry.at_ms),
        "by": entry.by,
        "reason": entry.reason,
        "rollback_of": entry.rollback_of or None,
        "digest": entry.digest,
        "size": entry.size,
    }


def revisions(document: Document) -> RenderableType:
    """Show a list of revisions, newest first."""
    shortened = [{**each, "digest": each["digest"][:12]} for each in document["revisions"]]
    return rows(shortened, REVISION_COLUMNS, empty="Nothing was published yet: broker apply")


def revision(document: Document) -> RenderableType:
    """Show one revision: who, when, why, and how much of what it holds."""
    names = ("revision", "at", "by", "reason", "rollback_of", "digest", "size")
    return stacked(fields(document, names), fields(document["holds"], tuple(document["holds"])))


def compared(document: Document) -> RenderableType:
    """Show what two revisions say differently."""
    return stacked(
        Text(f"from revision {document['from']} to {document['to']}", style="dim"),
        changes_view(document["changes"]),
    )


def applied(document: Document) -> RenderableType:
    """Show what was published, or would be."""
    changed = changes_view(document["changes"])
    return stacked(changed, *fact_views.dying(document), Text(document["said"]))


def _change(document: Document) -> list[Text]:
    kind = document["kind"]
    style = STYLES[kind]
    head = f"{SIGNS[kind]} {document['section']} {document['name']}".rstrip()
    lines = [Text(shown(head), style=style)]
    for member in document["members"]:
        lines += [Text(f"    {shown(line)}") for line in _member(member, is_new=kind == "added")]
    for line in document["lines"]:
        colour = {"+": "green", "-": "red"}.get(line[:1], "dim")
        lines.append(Text(f"    {shown(line)}", style=colour))
    return lines


def _member(member: Mapping[str, Any], *, is_new: bool) -> list[str]:
    name, before, after = member["name"], member["before"], member["after"]
    if is_new:
        return [f"{name}: {_said(after)}"]
    if isinstance(before, list) and isinstance(after, list):
        came, went = [f"+{_said(each)}" for each in after], [f"-{_said(each)}" for each in before]
        return [f"{name}: {' '.join([*went, *came])}"]
    return [f"{name}: {_said(before)} -> {_said(after)}"]


def _said(value: object) -> str:
    return "none" if value is None else str(value)
