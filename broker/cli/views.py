"""How each kind of answer looks in a terminal. Pure: a document in, something to print out."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from broker.cli.banner import emergencies
from broker.cli.screen import Document, fields, page, rows, stacked
from broker.clock import rfc3339
from broker.terminal import shown

TASK_FIELDS = (
    *("id", "name", "state", "alive", "tenant", "agent", "instance", "opener"),
    *("on_behalf_of", "delegated_by"),
    *("tickets", "resources", "audiences", "max_levels", "max_children", "max_below"),
    *("parent", "opened_at", "deadline", "idle_timeout_seconds"),
    *("agent_seen_at", "opener_seen_at", "closed_at", "ended_by", "closed_by"),
    *("frozen_at", "frozen_by", "frozen_reason"),
)
TASK_COLUMNS = ("id", "name", "agent", "state", "alive", "deadline")
CREDENTIAL_COLUMNS = ("id", "capability", "scope", "state", "alive", "expires_at", "ended_by")
CREDENTIAL_FIELDS = (
    *("id", "task", "kind", "capability", "audience", "scope", "state", "alive", "generation"),
    *("renewable", "issued_at", "expires_at", "max_expires_at", "ended_at", "ended_by", "decision"),
    "break_glass",
)
RECEIPT_COLUMNS = ("credential", "task", "capability", "state", "detail", "revoked_at")
REVOCATION_FIELDS = (
    *("id", "selector", "reason", "ordered_by", "ordered_at", "issued_before"),
    *("acknowledged", "pending_buckets", "progress"),
)
SELECTION_FIELDS = ("criteria", "count", "unreadable", "taken_at", "issued_before", "digest")
CUT_COLUMNS = (
    "selector",
    "issued_before",
    "until",
    "buckets",
    "ordered_by",
    "revocation",
    "reason",
)
PICKED_COLUMNS = ("id", "agent", "tenant", "capability", "task", "issued_at", "expires_at")
MANY = 200
"""Receipts that nobody reads as an order's answer; `broker report` shows each."""

DECISION_FIELDS = ("decision", "tenant", "outcome", "reason")
REQUEST_FIELDS = (
    *("action", "principal", "instance", "task", "task_name", "agent", "capability", "scopes"),
    *("ttl_ms", "tool"),
)


def task(document: Document) -> RenderableType:
    """Show one task, with its ceiling below."""
    ceiling = rows(
        document.get("ceiling", []), ("capability", "scopes"), empty="an empty ceiling: no access"
    )
    return stacked(emergencies(document), fields(document, TASK_FIELDS), ceiling)


def opened(document: Document) -> RenderableType:
    """Show a task just opened; the handle is what its agent claims it with."""
    handle = document.get("claim_handle")
    if not handle:
        return task(document)
    hint = Text("claim handle, shown once; give it to the agent that shall do the job:  ")
    return stacked(task(document), hint.append(shown(handle), style="bold"))


def tasks(document: Document) -> RenderableType:
    """Show a list of tasks."""
    empty = "No such tasks. Open one: broker task open --help"
    found = document["tasks"]
    table = page(rows(found, TASK_COLUMNS, empty=empty), document)
    return stacked(emergencies(*found), table)


def credentials(document: Document) -> RenderableType:
    """Show a list of credentials."""
    empty = "This task never asked for a credential."
    found = document["credentials"]
    table = rows(found, _with_emergencies(CREDENTIAL_COLUMNS, found), empty=empty)
    return stacked(emergencies(document), page(table, document))


def _with_emergencies(columns: Sequence[str], found: Sequence[Document]) -> tuple[str, ...]:
    """Show by which emergency somebody has something, where anybody has."""
    is_emergency = any(each.get("break_glass") for each in found)
    return (*columns, "break_glass") if is_emergency else tuple(columns)


def credential(document: Document) -> RenderableType:
    """Show one credential."""
    return fields(document, CREDENTIAL_FIELDS)


def issued(document: Document) -> RenderableType:
    """Show a credential that was just issued; its secret, unless that went to a file."""
    names = (
        "id",
        "task",
        "capability",
        "target",
        "audience",
        "scope",
        "expires_at",
        "access_token",
    )
    return fields(document, names)


def report(document: Document) -> RenderableType:
    """Show receipts, and how many of which kind."""
    receipts = rows(document["receipts"], RECEIPT_COLUMNS, empty=_no_receipts(document.get("task")))
    return stacked(receipts, *_reasons(document["receipts"]), _totals(document))


def _reasons(receipts: Sequence[Document]) -> list[RenderableType]:
    """Say why credentials died that would not be granted any more: each reason once."""
    said = Counter(_reason(each["why"]) for each in receipts if each.get("why"))
    return [Text(f"{count} no longer granted: {why}") for why, count in said.most_common(MANY)]


def _reason(why: Document) -> str:
    by = f" by {', '.join(shown(each) for each in why['policies'])}" if why["policies"] else ""
    lack = f"; missing: {shown(why['missing'][0])}" if why["missing"] else ""
    gone = f"; no longer: {', '.join(shown(each) for each in why['gone'])}" if why["gone"] else ""
    when = f"revision {shown(why['revision'])} with facts {shown(why['facts_revision'])}"
    return f"{shown(why['reason'])}{by}, {when}{gone or lack}"


def _no_receipts(task: Document | None) -> str:
    """Say why there are none: what is alive has no receipt yet."""
    if task and task["alive"]:
        alive = f"what is alive:  broker credential list {shown(task['id'])}"
        return f"No receipts: nothing of this task has died. See {alive}"
    return "No credentials: there was nothing to revoke."


def _totals(document: Document) -> RenderableType:
    counts = [f"{shown(count)} {shown(state)}" for state, count in document["counts"].items()]
    durability = f"durability {shown(document.get('durability'))}"
    return Text(" · ".join([*counts, durability]), style="dim")


def cuts(document: Document) -> RenderableType:
    """Show the cuts that stand."""
    empty = "No cut stands: nothing was revoked by agent, capability, issuer or tenant lately."
    return rows(document["cuts"], CUT_COLUMNS, empty=empty)


def order(document: Document) -> RenderableType:
    """Show an operator's order alone."""
    return fields(document, REVOCATION_FIELDS)


def revoked(document: Document) -> RenderableType:
    """Show an operator's order, and what has come of it below."""
    given = dict(document["revocation"])
    if given.get("progress"):
        given["progress"] = f"{given['progress']['ended']} of {given['progress']['total']}"
    summary = fields(given, REVOCATION_FIELDS)
    receipts = document["report"]
    if len(receipts["receipts"]) <= MANY:
        return stacked(summary, report(receipts))
    hint = Text(f"each of them:  broker report {shown(given['id'])}", style="dim")
    return stacked(summary, _totals(receipts), hint)


def looked(document: Document) -> RenderableType:
    """Show a set: all of it, what it comes to, and how to kill exactly that."""
    selection = document["selection"]
    found = document["credentials"]
    columns = _with_emergencies(PICKED_COLUMNS, found)
    picked = rows(found, columns, empty="No live credential is meant: nothing to do.")
    hint = Text("kill exactly this set, within 15 minutes:  ", style="dim")
    hint.append(f"broker revoke --set {shown(selection['digest'])} --reason …", style="bold")
    summary = fields(selection, SELECTION_FIELDS)
    if not selection["count"]:
        return stacked(picked, summary)
    counts = (_counts(selection, "agents"), _counts(selection, "capabilities"))
    return stacked(picked, *counts, summary, hint)


def _counts(selection: Document, by: str) -> RenderableType:
    counted = sorted(selection[by].items(), key=lambda pair: (-pair[1], pair[0]))
    return rows([{by: name, "live": count} for name, count in counted], (by, "live"), empty="")


def decision(document: Document) -> RenderableType:
    """Show why a decision fell as it did: the answer, the question, then what was looked at."""
    trace, explanation = document.get("trace", {}), document.get("explanation", {})
    return stacked(
        emergencies(document),
        fields(document, DECISION_FIELDS),
        fields(document.get("request", {}), REQUEST_FIELDS),
        fields(trace, ("policies", "missing", "errors")),
        fields(explanation, ("obligations",)),
        *(_policy(finding) for finding in explanation.get("considered", ())),
        _turned(document.get("counterfactuals")),
        Text(
            f"decided by revision {shown(trace.get('facts_revision'))}, explained by "
            f"{_by(document)}",
            style="dim",
        ),
    )


def supposition(document: Document) -> RenderableType:
    """Show what policy would say to a request, and what would turn it."""
    explanation = document["explanation"]
    return stacked(
        fields(explanation, ("outcome", "reason", "determining", "obligations", "errors")),
        *(_policy(finding) for finding in explanation["considered"]),
        _turned(document.get("counterfactuals")),
        Text(f"by {_by(document)}", style="dim"),
    )


def granted(document: Document) -> RenderableType:
    """Show why a credential was granted, why it ended, and what would be said now."""
    trace, now = document["trace"], document["explanation"] or {}
    verdict = "would be granted now" if document["granted_now"] else "would not be granted now"
    return stacked(
        emergencies(document),
        fields(document, ("credential", "tenant", "state", "ended_by")),
        fields(document["request"], REQUEST_FIELDS),
        fields(trace, ("policies", "facts")),
        Text(_used(document["used"] or {})),
        _no_longer("ended as no longer granted", document.get("why")),
        Text(verdict, style="bold"),
        _no_longer("", document["no_longer"]),
        *(_policy(finding) for finding in now.get("considered", ())),
        _turned(document.get("counterfactuals")),
        Text(
            f"granted by revision {shown(trace['facts_revision'])}, explained by {_by(document)}",
            style="dim",
        ),
    )


def _used(use: Document) -> str:
    """Say what was seen of its use, and what is only said."""
    seen = (
        f"first seen in use {shown(use['seen_at'])}" if use.get("seen_at") else "use was not seen"
    )
    if not use.get("said_times"):
        return f"{seen}; its agent's side has said nothing of it"
    said = f"used {use['said_times']} times, its agent's side says (last {shown(use['said_at'])})"
    return f"{seen}; {said}"


def _by(document: Document) -> str:
    """Say by what it is explained, and until when that stands."""
    now = document.get("explanation") or {}
    graph = document.get("explained_at_facts_revision", now.get("graph_revision", 0))
    words = f"revision {shown(document.get('explained_at_revision'))} with facts {shown(graph)}"
    until_ms = now.get("until_ms", 0)
    return f"{words}; time may change it at {rfc3339(until_ms)}" if until_ms else words


def _no_longer(head: str, why: Document | None) -> RenderableType:
    if why is None:
        return Table.grid()
    told = fields(why, ("reason", "policies", "missing", "gone"))
    return Group(Text(head, style="bold"), told) if head else told


def _turned(found: Document | None) -> RenderableType:
    """Show what would turn the answer, or how far it was looked for in vain."""
    if found is None:
        return Table.grid()
    head = "granted" if found["to"] == "permit" else "refused"
    lines = [
        Text(f"{head} if ", style="bold").append(shown("; and ".join(each)), style="not bold")
        for each in found["sets"]
    ]
    most = found["most_steps"]
    if not found["sets"] and found["is_complete"]:
        lines.append(Text(f"No {most} steps of the {found['steps']} looked at turn the answer."))
    elif not found["is_complete"]:
        lines.append(Text(f"There may be more: {found['tried']} sets were tried.", style="dim"))
    return Group(*lines) if lines else Table.grid()


def _policy(finding: Document) -> RenderableType:
    lines = Table.grid(padding=(0, 1))
    lines.add_row(Text(shown(finding["effect"]), style="bold"), Text(shown(finding["policy"])))
    for each in finding["conditions"]:
        verdict = Text("holds", style="green") if each["holds"] else Text("fails", style="red")
        condition = f"{each['kind']} {each['text']}"
        lines.add_row(
            verdict, Text(shown(f"{condition}  ({each['error']})" if each["error"] else condition))
        )
    return lines
