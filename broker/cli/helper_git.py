"""`broker credential-helper git`."""

import click

from broker.cli.failure import CommandFailedError
from broker.cli.helper_input import said
from broker.cli.helper_wish import Wish, wishing
from broker.cli.one import One
from broker.shapes import git as form
from broker.shapes import hosts
from broker.shapes.given import UnfitError


@click.command(short_help="git: a credential helper.")
@click.argument("operation")
@click.option(
    "--host", "declared", multiple=True, required=True, help="For which server: NAME[:PORT]."
)
@click.option("--username", cls=One, help="As whom, where the credential has no name of its own.")
@click.option("--word", cls=One, help="Which of its words is the token.")
@click.option("--bearer", is_flag=True, help="Send it as Authorization: Bearer (git 2.46, newer).")
@wishing
def git(
    wish: Wish,
    operation: str,
    declared: tuple[str, ...],
    *,
    username: str,
    word: str,
    bearer: bool,
) -> None:
    """Answer git's OPERATION get; store, erase and any other are nothing to do.

    Only for the servers that are declared, and in clear text only to this machine. Where the
    credential is refused, git is told to stop: it asks neither other helpers nor a person.
    """
    heard = said(form.MOST_BYTES)
    if operation != "get":
        return
    manner = form.Manner(username, word, is_bearer=bearer)
    try:
        places = frozenset(hosts.normal(each) for each in declared)
        asked = form.question(heard)
        if form.is_ours(asked, places):
            click.echo(wish.shaped(lambda given: form.answer(given, asked, manner)), nl=False)
    except UnfitError as error:
        click.echo(form.QUIT, nl=False)
        raise CommandFailedError(str(error)) from error
    except CommandFailedError:
        click.echo(form.QUIT, nl=False)
        raise
