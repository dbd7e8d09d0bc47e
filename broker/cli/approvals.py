"""`broker approval`: what waits for people, and their answers."""

import sys
from typing import Any

import click

from broker.cli import approval_views
from broker.cli.approval_views import DIGITS
from broker.cli.desk import Desk, at_desk, document
from broker.cli.failure import CommandFailedError
from broker.cli.one import One
from broker.client.approval_results import Approval


@click.group(short_help="Look at what waits for people, and answer it.")
def approval() -> None:
    """Look at what waits for people, and answer it, as one of them."""


@approval.command(name="list", short_help="List what you may answer.")
@click.option("--task", cls=One, help="Only those of this task.")
@click.option("--agent", cls=One, help="Only those of this agent.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, **page: Any) -> None:  # noqa: ANN401 - the keywords of ApprovalCalls.find
    """List the open approvals that you may answer; an operator sees those of its tenants."""
    desk.answer(lambda broker: broker.approvals.find(**page), approval_views.approvals)


@approval.command(short_help="Show one, and everything that is said in it.")
@click.argument("approval_id", metavar="APPROVAL")
@at_desk
def show(desk: Desk, /, approval_id: str) -> None:
    """Show an approval: what the broker knows, and apart from it what others say.

    In a text that somebody else has written everything hidden is written out.
    """
    desk.answer(lambda broker: broker.approvals.show(approval_id), approval_views.approval)


@approval.command(short_help="Say yes to exactly what is shown.")
@click.argument("approval_id", metavar="APPROVAL")
@click.option("--digest", default="", help="The digest that `show` prints, or its first 8.")
@click.option("--reason", default="", help="Why, for the others and the audit trail.")
@at_desk
def approve(desk: Desk, /, approval_id: str, digest: str, reason: str) -> None:
    """Say yes to exactly what is shown, once. In a terminal you are shown it, and asked.

    Elsewhere --digest names what you have seen; what has changed since is refused.
    """
    seen = desk.ask(lambda broker: broker.approvals.show(approval_id))
    _confirm(seen, digest, is_asked=not desk.screen.is_json)
    desk.answer(
        lambda broker: broker.approvals.approve(seen, reason=reason), approval_views.approval
    )


@approval.command(short_help="Say no.")
@click.argument("approval_id", metavar="APPROVAL")
@click.option("--reason", default="", help="Why, for the others and the audit trail.")
@at_desk
def deny(desk: Desk, /, approval_id: str, reason: str) -> None:
    """Say no: nothing is given on it any more, whoever has said yes."""
    seen = desk.ask(lambda broker: broker.approvals.show(approval_id))
    desk.answer(lambda broker: broker.approvals.deny(seen, reason=reason), approval_views.approval)


def _confirm(seen: Approval, digest: str, *, is_asked: bool) -> None:
    if not digest and is_asked and sys.stdin.isatty():
        approval_views.print_to(sys.stderr, document(seen))
        digest = click.prompt(f"Type the first {DIGITS} of its digest to say yes", err=True)
    if not digest:
        raise click.UsageError("look at it with `broker approval show`, then pass --digest")
    if len(digest) < DIGITS or not seen.digest.startswith(digest):
        raise CommandFailedError(
            "That is not the digest of what stands there now: look at it again."
        )
