"""`broker break-glass`: an emergency, from asking to answering for it."""

from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType

from broker.cli.credentials import answer
from broker.cli.desk import Desk, at_desk
from broker.cli.one import One
from broker.cli.private_file import write_private_text
from broker.cli.screen import Document, fields, page, rows, stacked
from broker.cli.types import SPAN

FIELDS = (
    *("id", "state", "digest", "task", "tenant", "agent", "instance", "capability", "scopes"),
    *("ttl_seconds", "opener", "asked_of", "voices", "asked_at", "confirm_until", "alarm"),
    *("opened_at", "ends_at", "credential", "ended_at", "ended_by"),
)
COLUMNS = ("id", "state", "agent", "capability", "opener", "voices", "ends_at", "review")


@click.group(name="break-glass", short_help="Have one declared capability in an emergency.")
def break_glass() -> None:
    """Have one declared capability in an emergency (docs/break-glass.md).

    One person asks, another one agrees, somebody is told before; the agent of the task fetches the
    credential once. It ends by itself, and somebody else answers for it afterwards.
    """


@break_glass.command(name="open", short_help="Ask for it.")
@click.argument("task")
@click.argument("capability")
@click.option("--scope", "scopes", multiple=True, required=True, help="To do what. Repeatable.")
@click.option("--reason", required=True, cls=One, help="Why, for everybody who is told.")
@click.option("--incident", required=True, cls=One, help="The incident's id: INC-1.")
@click.option("--ttl", "ttl_seconds", type=SPAN, help="How long it shall be open: 10m.")
@click.option("--idempotency-key", cls=One, help="Makes a repeated command harmless.")
@at_desk
def open_(desk: Desk, /, task: str, capability: str, **given: Any) -> None:  # noqa: ANN401 - the keywords of GlassCalls.ask
    """Ask for a capability that is declared for emergencies, for a task of an agent.

    Nothing is open before somebody else has agreed to the digest that is printed (`broker
    break-glass confirm`), unless policy lets one person do it alone.
    """
    given["idempotency_key"] = given["idempotency_key"] or ""
    desk.answer(lambda broker: broker.break_glass.ask(task, capability, **given), shown)


@break_glass.command(short_help="Agree to it.")
@click.argument("glass")
@click.option("--digest", required=True, cls=One, help="Of what you agree to, as it was shown.")
@at_desk
def confirm(desk: Desk, /, glass: str, digest: str) -> None:
    """Agree to exactly what the digest stands for. When enough people have, it opens.

    Whoever is to be told is told first; where nobody can be, nothing opens.
    """
    desk.answer(lambda broker: broker.break_glass.confirm(glass, digest=digest), shown)


@break_glass.command(name="list", short_help="List emergencies.")
@click.option("--only", type=click.Choice(["open", "unreviewed"]), help="Only such.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, only: str | None, **page: Any) -> None:  # noqa: ANN401 - the keywords of GlassCalls.find
    """List the emergencies of your tenants, the newest first."""
    desk.answer(lambda broker: broker.break_glass.find(only=only or "", **page), listed)


@break_glass.command(short_help="Show one.")
@click.argument("glass")
@at_desk
def show(desk: Desk, /, glass: str) -> None:
    """Show one: what is asked, who agreed, until when it is open, who has looked at it."""
    desk.answer(lambda broker: broker.break_glass.show(glass), shown)


@break_glass.command(short_help="Fetch its credential, as the agent.")
@click.argument("glass")
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file, mode 0600.")
@at_desk
def fetch(desk: Desk, /, glass: str, out: Path | None) -> None:
    """Fetch the one credential, as the instance of the task.

    With --out the secret goes to the file alone; without, it is printed.
    """
    if out is not None:
        write_private_text(out, "")
    answer(desk, desk.ask(lambda broker: broker.break_glass.fetch(glass)), out)


@break_glass.command(short_help="End it now.")
@click.argument("glass")
@at_desk
def end(desk: Desk, /, glass: str) -> None:
    """End it now, with what was had by it. Doing it twice is the same as once."""
    desk.answer(lambda broker: broker.break_glass.end(glass), shown)


@break_glass.command(short_help="Answer for it afterwards.")
@click.argument("glass")
@click.option("--words", required=True, cls=One, help="What you have seen, and what you say to it.")
@at_desk
def review(desk: Desk, /, glass: str, words: str) -> None:
    """Answer for an emergency that is over, as somebody who had no part in it.

    Until somebody has, those who brought it about cannot have another one once it is overdue.
    """
    desk.answer(lambda broker: broker.break_glass.review(glass, words=words), shown)


def shown(document: Document) -> RenderableType:
    """Show one, with what a person wrote below what the broker knows."""
    said, review = document.get("said") or {}, document.get("review") or {}
    below = fields(review, ("due_at", "is_owed", "is_overdue", "reviewed_by", "words"))
    return stacked(fields(document, FIELDS), fields(said, ("reason", "incident")), below)


def listed(document: Document) -> RenderableType:
    """Show many."""
    found = [{**each, "review": _review(each["review"])} for each in document["break_glass"]]
    return page(rows(found, COLUMNS, empty="no emergencies"), document)


def _review(review: Document) -> str:
    if review.get("reviewed_by"):
        return f"by {review['reviewed_by']}"
    overdue = "overdue" if review.get("is_overdue") else "owed"
    return overdue if review.get("is_owed") else "-"
