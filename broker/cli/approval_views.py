"""How approvals look in a terminal. Pure, as :mod:`broker.cli.views`."""

from collections.abc import Iterator
from typing import Final, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from broker.cli.screen import Document, fields, page, rows, stacked
from broker.terminal import shown

COLUMNS: Final = ("id", "state", "agent", "capability", "scope", "requirement", "expires_at")
FIELDS: Final = (
    *("id", "state", "because", "digest", "version", "asked_at", "expires_at", "credential", "who"),
)
WAITING: Final = (
    *("id", "state", "task", "agent", "capability", "scope", "requirement", "yes", "who"),
    *("expires_at", "digest"),
)
KNOWN: Final = (
    *("tenant", "agent", "agent_owner", "agent_purpose", "agent_risk", "task", "opener", "above"),
    *("capability", "kind", "audience", "target", "about", "data_class", "scope", "ttl_seconds"),
    *("bound_to", "usable_seconds", "policies", "policy_version"),
)
SAID_COLUMNS: Final = ("by", "name", "shown", "marks")
ANSWER_COLUMNS: Final = ("person", "answer", "at", "reason")
REQUIREMENT_COLUMNS: Final = ("requirement", "met")

DIGITS: Final = 8
"""So many characters of a digest are asked for: enough to have looked."""

_NOBODY_ASKED: Final = "Nothing waits for people here."
_NONE: Final = "Nothing waits for you."


def approvals(document: Document) -> RenderableType:
    """Show a page of approvals, and where the next one begins."""
    table = rows([_row(each) for each in document["approvals"]], COLUMNS, empty=_NONE)
    return page(table, document)


def approval(document: Document) -> RenderableType:
    """Show one: what is known first, then apart from it what others say."""
    return stacked(
        fields(document, FIELDS),
        Text("What the broker knows:", style="bold"),
        fields(_known(document), KNOWN),
        Text("What others say, which nobody has checked:", style="bold"),
        rows(document["said"], SAID_COLUMNS, empty="nothing"),
        rows(list(_requirements(document)), REQUIREMENT_COLUMNS, empty=""),
        rows(document["answers"], ANSWER_COLUMNS, empty="Nobody has answered yet."),
        *map(Text, _what_to_do(document)),
    )


def explained(document: Document) -> RenderableType:
    """Show why nothing was given yet: what waits, for whom, until when, by which digest."""
    table = rows([_row(each) for each in document["approvals"]], WAITING, empty=_NOBODY_ASKED)
    return page(table, document)


def print_to(output: TextIO, document: Document) -> None:
    """Show one beside the answer itself."""
    Console(file=output, highlight=False, markup=False).print(approval(document))


def _what_to_do(document: Document) -> Iterator[str]:
    """Say how whoever may answer does it: the digest last, below all that it stands for."""
    if document["may_answer"] and document["state"] == "pending":
        name, digest = shown(document["id"]), shown(document["digest"][:DIGITS])
        yield f"to exactly this:  broker approval approve {name} --digest {digest}"
        yield f"or not:           broker approval deny {name}"


def _row(document: Document) -> Document:
    brief = "; ".join(each["requirement"] for each in _requirements(document))
    yes = [each["person"] for each in document["answers"] if each["answer"] == "yes"]
    return {**document["known"], **document, "requirement": brief, "yes": yes}


def _known(document: Document) -> Document:
    known = dict(document["known"])
    record = known.pop("agent_record") or {}
    said = {f"agent_{name}": value for name, value in record.items()}
    return {**known, **said}


def _requirements(document: Document) -> Iterator[Document]:
    for each in document["requirements"]:
        besides = ", not the owner" if each["not_owner"] else ""
        teams = " or ".join(each["groups"])
        yield {"requirement": f"{each['count']} of {teams}{besides}", "met": each["met"]}
