"""`broker credential`: look at credentials, never at the secrets themselves."""

from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import click
from click.exceptions import Exit

from broker.cli import views
from broker.cli.agreeing import ask_for_credential
from broker.cli.delivery import FORMS, Kept, written
from broker.cli.desk import Desk, at_desk, document
from broker.cli.failure import CommandFailedError
from broker.cli.one import One
from broker.cli.private_file import write_private_text
from broker.cli.reach import Waiting, ask_and_wait, exit_code, wait_options
from broker.cli.subjects import task_argument
from broker.cli.types import LABEL, SPAN
from broker.client.api import BrokerClient
from broker.client.results import Credential, IssuedCredential
from broker.clock import SystemClock
from broker.secret import Secret


@click.group(short_help="Look at a task's credentials.")
def credential() -> None:
    """Look at a task's credentials, and give one back."""


@credential.command()
@task_argument()
@click.argument("capability")
@click.option("--scope", "scopes", multiple=True, required=True, help="To do what. Repeatable.")
@click.option("--ttl", "ttl_seconds", type=SPAN, help="How long it shall live: 2m.")
@click.option(
    "--label", "labels", type=LABEL, multiple=True, help="What is said besides. Repeatable."
)
@click.option("--tool", cls=One, help="The tool that it is for.")
@click.option("--tool-origin", cls=One, help="Where that comes from: https://… or pkg:….")
@click.option("--tool-digest", cls=One, help="What was found there: sha256:….")
@click.option("--idempotency-key", cls=One, help="Makes a repeated command harmless.")
@click.option(
    "--wait-for-approval",
    type=SPAN,
    help="Where people have to agree first: wait for them, so long at most: 10m.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file, mode 0600.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    help="Print the secret alone: for a shell, as JSON, or for AWS's tools.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="With --format: answer from this file while what it holds lives, else write it.",
)
@at_desk
def issue(desk: Desk, /, task_id: str, capability: str, **given: Any) -> None:  # noqa: ANN401 - the keywords of CredentialCalls.issue, and ways to deliver
    """Ask for a credential within a task of yours.

    With --out the secret goes to the file alone; without, a token of the broker's is printed. The
    secret of a credential at a target is printed with --format or --json.

    Where people have to agree first it ends with 4 and says what waits for them; once they have,
    the same command gets it. With --wait-for-approval it waits, and ends with 1 if they say no.
    """
    form, out = given.pop("form"), given.pop("out")
    given["tool"] = _tool(*(given.pop(name) for name in ("tool", "tool_origin", "tool_digest")))
    given["labels"] = _labels(given["labels"])
    given["wait_for_approval"] = given["wait_for_approval"] or 0
    said = [f"{name}={text}" for name, text in sorted(given["labels"].items())]
    kept = _kept(given.pop("keep"), form, [task_id, capability, *given["scopes"], *said])
    found = kept.find() if kept is not None else None
    if found is not None:
        _deliver(found, out)
        return
    if kept is not None:
        kept.reserve()  # before anything is issued that could not be kept
    if out is not None:
        write_private_text(out, "")
    issued = ask_for_credential(desk, task_id, capability, given)
    if form is None:
        answer(desk, issued, out)
        return
    text = _written(desk, issued, form)
    if kept is not None:
        kept.keep(issued, text)
    _deliver(text, out)


def _tool(name: str | None, origin: str | None, digest: str | None) -> dict[str, str]:
    said = {"name": name, "origin": origin, "digest": digest}
    if not name and any(said.values()):
        raise click.UsageError("name the tool: --tool NAME")
    return {key: value for key, value in said.items() if value}


def _labels(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    labels = dict(pairs)
    if len(labels) < len(pairs):
        raise click.UsageError("say each --label once")
    return labels


def _kept(file: Path | None, form: str | None, asked: list[str]) -> Kept | None:
    if file is None:
        return None
    if form is None:
        raise click.UsageError("--keep keeps a form: name it with --format")
    return Kept(file, [form, *asked], SystemClock())


def _written(desk: Desk, issued: IssuedCredential, form: str) -> Secret:
    try:
        return written(issued, form)
    except ValueError as error:
        desk.ask(lambda broker: broker.credentials.give_back(issued.id))
        raise CommandFailedError(f"{error}; it was given back.") from error


def _deliver(text: Secret, out: Path | None) -> None:
    if out is not None:
        write_private_text(out, text.reveal())
    else:
        click.echo(text.reveal(), nl=False)


def answer(desk: Desk, issued: IssuedCredential, out: Path | None) -> None:
    """Print what was issued; its secret goes to a file alone, where one is named."""
    told = dict(document(issued))
    if out is not None:
        token = told.pop("access_token", "")
        told.pop("secret", None)
        write_private_text(out, token or written(issued, "json").reveal())
    desk.screen.answer(told, views.issued)


@credential.command(name="list", short_help="List the credentials of a task.")
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


@credential.command(name="give-back", short_help="Give a credential back early.")
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
