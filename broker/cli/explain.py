"""`broker explain`: why a decision fell as it did."""

import click

from broker.cli import views
from broker.cli.desk import Desk, at_desk


@click.command(short_help="Tell why a decision fell as it did.")
@click.argument("decision")
@at_desk
def explain(desk: Desk, /, decision: str) -> None:
    """Tell an operator why DECISION (d_…) fell as it did.

    The caller who was refused has the id in the refusal; what stands behind it only operators see.
    """
    desk.answer(lambda broker: broker.operator.explain(decision), views.decision)
