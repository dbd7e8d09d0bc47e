"""How reviews look in a terminal. Pure, as :mod:`broker.cli.views`."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from broker.cli.screen import Document, fields, page, rows, stacked
from broker.terminal import shown


def started(document: Document) -> RenderableType:
    """Show what was started, and loudly where the evidence is not to be believed."""
    columns = ("id", "owner", "agents", "due", "registered")
    table = rows(document["reviews"], columns, empty="The tenant has no agents.")
    return stacked(table, *verdict(document["evidence"]))


def verdict(evidence: Mapping[str, Any]) -> list[RenderableType]:
    """Say whether the evidence is verified."""
    files = ", ".join(shown(each) for each in evidence["files"])
    if evidence["verified"]:
        return [Text(f"Evidence: {evidence['records']} records of {files}.", style="dim")]
    faults = [Text(shown(each)) for each in evidence["faults"]]
    told = "THE EVIDENCE IS NOT VERIFIED: a trail was changed, or a part of it is missing."
    return [Text(told, style="bold red"), *faults]


def reviews(document: Document) -> RenderableType:
    """Show a page of reviews."""
    columns = ("id", "tenant", "owner", "state", "agents", "answered", "due_at", "overdue_at")
    return page(rows(document["reviews"], columns, empty="No reviews."), document)


def review(document: Document) -> RenderableType:
    """Show a review and a page of its agents."""
    of = document["review"]
    names = ("id", "tenant", "owner", "state", "agents", "answered", "due_at", "overdue_at")
    head = fields({**of, **of["header"], **{k: of[k] for k in names}}, (*names, "packet", "since"))
    table = rows([_row(each) for each in document["agents"]], _COLUMNS, empty="No agents.")
    return stacked(head, *verdict(of["header"]["evidence"]), page(table, document))


_COLUMNS = (
    *("agent", "granted", "never_used", "use_not_known", "said_used", "denied", "never_granted"),
    *("suggestion", "left", "answer"),
)


def _row(reviewed: Mapping[str, Any]) -> Document:
    entry, answer = reviewed["entry"], reviewed["answer"]
    suggestion = entry["suggestion"]
    return {
        "agent": entry["agent"],
        "granted": _counted(entry["usage"]["granted"]),
        "never_used": entry["unused"],
        "use_not_known": entry["unknown"],
        "said_used": _counted(entry["usage"].get("said", {})),
        "denied": sum(entry["usage"]["denied"].values()),
        "never_granted": entry["never"],
        "suggestion": suggestion["verdict"],
        "left": suggestion["ceiling"],
        "answer": "" if answer is None else f"{answer['verdict']} ({answer['by']})",
    }


def _counted(counts: Mapping[str, int]) -> list[str]:
    return [f"{name} ×{count}" for name, count in sorted(counts.items())]  # noqa: RUF001 - times


def answered(document: Document) -> RenderableType:
    """Show an answer and what came of it."""
    answer, effect = document["answer"] or {}, document["effect"]
    table = fields(answer, ("agent", "verdict", "by", "reason", "ceiling", "review_by", "at"))
    if effect is None:
        return stacked(table, Text("What follows from it is under way.", style="yellow"))
    said = Text(f"{effect['state']}: {shown(effect['told'])}")
    to_do = [Text("agents.yaml has to say:"), *(Text(shown(line)) for line in effect["to_do"])]
    return stacked(table, said, *(to_do if effect["to_do"] else ()))
