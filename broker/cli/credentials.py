"""`broker credential`: look at credentials, never at the secrets themselves."""

from typing import Any

import click

from broker.cli import views
from broker.cli.desk import Desk, at_desk
from broker.cli.subjects import task_argument


@click.group(short_help="Look at a task's credentials.")
def credential() -> None:
    """Look at a task's credentials, and give one back."""


@credential.command(name="list")
@task_argument()
@click.option("--cursor", default="", help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, task_id: str, **page: Any) -> None:  # noqa: ANN401 - the keywords of CredentialCalls.find
    """List the credentials of a task, dead ones too."""
    desk.answer(lambda broker: broker.credentials.find(task_id, **page), views.credentials)


@credential.command()
@click.argument("credential_id", metavar="CREDENTIAL")
@at_desk
def show(desk: Desk, /, credential_id: str) -> None:
    """Show a credential."""
    desk.answer(lambda broker: broker.credentials.show(credential_id), views.credential)


@credential.command(name="give-back")
@click.argument("credential_id", metavar="CREDENTIAL")
@at_desk
def give_back(desk: Desk, /, credential_id: str) -> None:
    """Give a credential of yours back before its time; it dies."""
    desk.answer(lambda broker: broker.credentials.give_back(credential_id), views.credential)
