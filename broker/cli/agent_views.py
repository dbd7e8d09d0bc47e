"""How agents look in a terminal. Pure, as :mod:`broker.cli.views`."""

from collections.abc import Mapping
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from broker.cli.banner import emergencies
from broker.cli.screen import Document, fields, page, rows, stacked
from broker.cli.views import CUT_COLUMNS
from broker.terminal import shown

COLUMNS: Final = (
    *("name", "tenant", "status", "risk", "review_by", "teams", "owner", "purpose", "credentials"),
)
FIELDS: Final = (
    *("name", "tenant", "source", "status", "held", "risk", "review_by", "owner", "purpose"),
    *("teams", "ceiling", "quota"),
    *("open_tasks", "live_credentials", "next_expiry", "last_issued_at"),
)
TASK_COLUMNS: Final = ("id", "name", "alive", "opener", "opened_at", "deadline")

_NONE: Final = (
    "No such agents. They are registered in agents.yaml and published by `broker apply`, or among "
    "the facts by `broker facts put agent:NAME`"
)


def agents(document: Document) -> RenderableType:
    """Show a page of agents, and where the next one begins."""
    found = document["agents"]
    table = rows([_row(each) for each in found], COLUMNS, empty=_NONE)
    return stacked(emergencies(*found), page(table, document))


def agent(document: Document) -> RenderableType:
    """Show an agent, what is live of it below, and how that is taken away."""
    tasks, credentials = document["tasks"], document["credentials"]
    summary = {
        **_row(document),
        "held": _held(document.get("hold")),
        "quota": f"{_taken(document)} live credentials",
        "open_tasks": _counted(tasks, "open"),
        "live_credentials": _counted(credentials, "live"),
        "next_expiry": credentials["next_expiry"],
        "last_issued_at": credentials["last_issued_at"],
    }
    return stacked(
        emergencies(document),
        fields(summary, FIELDS),
        rows(tasks["first"], TASK_COLUMNS, empty="No task of it is open."),
        *_capabilities(credentials["capabilities"]),
        rows(document["cuts"], CUT_COLUMNS, empty="No cut covers it."),
        _hint(document),
    )


def _row(document: Document) -> Document:
    status, review_by = document["status"], document["review_by"]
    return {
        **document,
        "status": f"{status}, held" if document["hold"] else status,
        "review_by": f"{review_by} OVERDUE" if document["review_overdue"] else review_by,
        "credentials": _taken(document),
    }


def _held(hold: Document | None) -> str:
    return f"{hold['reason']} ({hold['by']}, {hold['at']})" if hold else ""


def _taken(document: Document) -> str:
    return f"{document['quota']['in_use']} of {document['quota']['limit']}"


def _counted(document: Document, name: str) -> str:
    return f"{document[name]}" if document["complete"] else f"at least {document[name]}"


def _capabilities(counts: Mapping[str, int]) -> list[RenderableType]:
    counted = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    found = [{"capability": name, "live": count} for name, count in counted]
    return [rows(found, ("capability", "live"), empty="")] if found else []


def _hint(document: Document) -> RenderableType:
    hint = Text("take its access away; look first at what that kills:  ", style="dim")
    return hint.append(f"broker revoke --agent {shown(document['name'])} --dry-run", style="bold")
