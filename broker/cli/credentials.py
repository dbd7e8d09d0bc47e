"""`broker credential`: look at credentials, never at the secrets themselves."""

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import click
from click.exceptions import Exit

from broker.cli import views
from broker.cli.desk import Desk, at_desk, document
from broker.cli.one import One
from broker.cli.private_file import write_private_text
from broker.cli.reach import Waiting, ask_and_wait, exit_code, wait_options
from broker.cli.subjects import task_argument
from broker.cli.types import SPAN
from broker.client.api import BrokerClient
from broker.client.results import Credential


@click.group(short_help="Look at a task's credentials.")
def credential() -> None:
    """Look at a task's credentials, and give one back."""


@credential.command()
@task_argument()
@click.argument("capability")
@click.option("--scope", "scopes", multiple=True, required=True, help="To do what. Repeatable.")
@click.option("--ttl", "ttl_seconds", type=SPAN, help="How long it shall live: 2m.")
@click.option("--idempotency-key", cls=One, help="Makes a repeated command harmless.")
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file, mode 0600.")
@at_desk
def issue(desk: Desk, /, task_id: str, capability: str, out: Path | None, **wishes: Any) -> None:  # noqa: ANN401 - the keywords of CredentialCalls.issue
    """Ask for a credential within a task of yours.

    With --out the secret goes to the file alone; without, it is printed. At a target it is a JSON
    object of words by name.
    """
    if out is not None:
        write_private_text(out, "")  # before anything is issued that could not be kept
    issued = desk.ask(lambda broker: broker.credentials.issue(task_id, capability, **wishes))
    answer = dict(document(issued))
    if out is not None:
        write_private_text(out, _secret_text(answer))
    desk.screen.answer(answer, views.issued)


def _secret_text(answer: dict[str, Any]) -> str:
    """Take the secret out of an answer, as it is kept in a file."""
    token = answer.pop("access_token", "")
    return token or json.dumps(answer.pop("secret", {}))


@credential.command(name="list")
@task_argument()
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
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
@wait_options
@at_desk
def give_back(desk: Desk, /, credential_id: str, wait: str | None, timeout: int) -> None:
    """Give a credential of yours back before its time; it dies.

    With --wait it takes until it is dead in the ledger, its target has the order (accepted), or
    refuses it (confirmed), and its receipt is printed: ends with 0 then, with 4 when the time is
    up, with 5 when it dies only of age.
    """
    waiting = Waiting.of(wait, timeout)

    def end(broker: BrokerClient) -> Awaitable[Credential]:
        return broker.credentials.give_back(credential_id)

    if waiting.level is None:
        desk.answer(end, views.credential)
        return
    report = ask_and_wait(
        desk, end, lambda broker: broker.credentials.reach, credential_id, waiting
    )
    desk.print(report, views.report)
    raise Exit(exit_code(report.receipts, waiting.level))
