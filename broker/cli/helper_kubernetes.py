"""`broker credential-helper kubernetes`."""

import os

import click

from broker.cli.failure import CommandFailedError
from broker.cli.helper_wish import Wish, wishing
from broker.cli.one import One
from broker.shapes import kubernetes as form
from broker.shapes.given import UnfitError


@click.command(short_help="kubectl: a credential plugin.")
@click.option(
    "--server", "servers", multiple=True, help="For which API server alone: its URL. Repeatable."
)
@click.option("--word", cls=One, help="Which of its words is the token.")
@wishing
def kubernetes(wish: Wish, servers: tuple[str, ...], *, word: str) -> None:
    """Answer kubectl as its exec plugin: an ExecCredential of client.authentication.k8s.io/v1.

    What KUBERNETES_EXEC_INFO asks is read strictly. --server needs provideClusterInfo: true.
    """
    try:
        asked = os.environ.get(form.VARIABLE)
        form.require_server("" if asked is None else form.server(asked), servers)
    except UnfitError as error:
        raise CommandFailedError(str(error)) from error
    click.echo(wish.shaped(lambda given: form.answer(given, word=word)))
