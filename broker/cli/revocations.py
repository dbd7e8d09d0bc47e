"""`broker revocation`: what operators have ordered, and how far it is carried out."""

from typing import Any

import click

from broker.cli import revocation_views
from broker.cli.desk import Desk, at_desk
from broker.cli.one import One
from broker.cli.subjects import complete_revocation
from broker.model.requests import SelectorKind

_INSTANT = "RFC 3339 in UTC: 2027-01-15T08:00:00Z"


@click.group(short_help="Look at operators' orders.")
def revocation() -> None:
    """Look at the orders of operators within your tenants."""


@revocation.command(name="list", short_help="List the orders within your tenants.")
@click.option("--tenant", cls=One, help="Only those that reach this tenant.")
@click.option("--by", "ordered_by", cls=One, help="Only this operator's: operator:alice.")
@click.option(
    "--of",
    type=click.Choice([str(kind) for kind in SelectorKind]),
    help="Only orders on one of those.",
)
@click.option(
    "--acknowledged/--pending", default=None, help="Only those that stand, or do not yet."
)
@click.option("--since", "ordered_after", cls=One, help=f"Not before. {_INSTANT}")
@click.option("--until", "ordered_before", cls=One, help=f"Before. {_INSTANT}")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, **which: Any) -> None:  # noqa: ANN401 - the keywords of OperatorCalls.revocations
    """List the orders within your tenants, the newest first, as long as their reports are kept.

    An order that reaches several tenants is shown to operators of all of them only. What became of
    each credential that an order killed: broker report REVOCATION.
    """
    named = {name: value for name, value in which.items() if value not in (None, "")}
    desk.answer(lambda broker: broker.operator.revocations(**named), revocation_views.revocations)


@revocation.command()
@click.argument("revocation_id", metavar="REVOCATION", shell_complete=complete_revocation)
@at_desk
def show(desk: Desk, /, revocation_id: str) -> None:
    """Show an order, and whether it is carried out."""
    desk.answer(
        lambda broker: broker.operator.revocation(revocation_id), revocation_views.revocation
    )
