"""`broker cut`: what has been cut off, and until when."""

import click

from broker.cli import views
from broker.cli.desk import Desk, at_desk


@click.group(short_help="Look at the cuts that stand.")
def cut() -> None:
    """Look at the cuts that stand."""


@cut.command(name="list", short_help="List the cuts that stand.")
@at_desk
def find(desk: Desk, /) -> None:
    """List the cuts that stand, the newest first: of what, since when, until when, by whose order.

    A cut that is not confined to a tenant is shown to operators of all tenants only.
    """
    desk.answer(lambda broker: broker.operator.cuts(), views.cuts)
