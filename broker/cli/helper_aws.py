"""`broker credential-helper aws`."""

import click

from broker.cli.helper_wish import Wish, wishing
from broker.shapes.aws import document


@click.command(short_help="AWS's tools: a credential_process.")
@wishing
def aws(wish: Wish) -> None:
    """Answer AWS's tools as their credential_process: JSON of Version 1, with its expiration."""
    click.echo(wish.shaped(document))
