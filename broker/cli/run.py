"""`broker run`: run a command with a task's credentials, and end the task with it."""

import os
import shutil
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
from click.core import ParameterSource
from click.exceptions import Exit

from broker.cli import exits
from broker.cli.desk import Desk, at_desk
from broker.cli.failure import CommandFailedError, NoAccessNowError
from broker.cli.interrupts import IGNORED
from broker.cli.run_file import RunFile, read_run_file
from broker.cli.run_opening import Opening, opening
from broker.cli.run_options import run_options
from broker.cli.types import SPAN
from broker.client.api import BrokerClient
from broker.client.awaiting import ApprovalAwaitedError
from broker.client.task_scope import TaskScope
from broker.errors import InvalidRequestError
from broker.proxy import Declared
from broker.running import linux
from broker.running.command import Command
from broker.running.folder import choose_place
from broker.running.launcher import Launcher, NotStartedError
from broker.running.need import Need, Said, read_needs
from broker.running.proxying import MAX_BYTES, Proxying, read_routes
from broker.running.run import Ended, Order, Run
from broker.running.surroundings import less_ours
from broker.running.voice import Voice
from broker.terminal import shown


class NotGivenError(CommandFailedError):
    """Something was refused, and nothing was started."""

    exit_code = exits.NOT_GIVEN


class LaterError(CommandFailedError):
    """The broker gives nothing now, and nothing was started."""

    exit_code = exits.TRY_LATER


class NotExecutableError(CommandFailedError):
    """The command cannot be executed."""

    exit_code = exits.NOT_EXECUTABLE


class NotFoundError(CommandFailedError):
    """There is no such command."""

    exit_code = exits.NOT_FOUND


_NOT_STARTED: Final = {exits.NOT_EXECUTABLE: NotExecutableError, exits.NOT_FOUND: NotFoundError}


@click.command(
    name="run",
    short_help="Run a command with a task's credentials.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@run_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
@at_desk
def run_(
    desk: Desk,
    context: click.Context,
    /,
    command: tuple[str, ...],
    **given: Any,  # noqa: ANN401 - see the options
) -> None:
    """Run COMMAND with the credentials that it needs, within one task that ends with it.

    What the command line does not say is taken from the run file, if one is named, COMMAND as well.

    Ends with the command's exit code (128 + the signal's number); with 75, 77, 126 or 127 when
    nothing was started, and with 79 when it was ended because a credential was taken away.
    """
    file = _file(context, given)
    command = command or file.command
    if not command:
        raise click.UsageError("Missing argument 'COMMAND...': what is to be run?")
    needs = _needs(given, file.needs)
    proxying = _proxying(needs, given, file.routes)
    how = opening(needs, given, _said(context))
    _require_executable(command[0])
    launcher = Launcher(IGNORED)
    linux.hide_memory()
    order = Order(
        needs=needs,
        command=command,
        environment=less_ours(os.environ, given["keep_env"]),
        ends_when_taken=given["on_revoked"] == "term",
        approval_seconds=given["wait_for_approval"],
        # A task of our own has no more than its needs, and the broker refuses the rest itself.
        asks_for_needs_only=bool(given["task_id"]) and not given["may_ask"],
        proxying=proxying,
    )
    task = Command(launcher, grace_seconds=given["grace"], ignored=IGNORED)
    raise Exit(_code(_asked(desk, partial(_run, desk, order, how, task), launcher)))


async def _run(
    desk: Desk, order: Order, how: Opening, command: Command, broker: BrokerClient
) -> Ended:
    async with AsyncExitStack() as stack:
        open_task = await how.by(broker, desk, stack)
        scope = TaskScope(broker.tasks, broker.credentials, open_task, tls=desk.caller.tls)
        where = choose_place(os.environ)
        return await Run(broker, scope, order, where=where, voice=Voice(_say))(command)


def _asked(
    desk: Desk, question: Callable[[BrokerClient], Coroutine[Any, Any, Ended]], launcher: Launcher
) -> Ended:
    try:
        return desk.ask(question)
    except CommandFailedError as failure:
        raise _not_run(failure) from failure.__cause__
    finally:
        launcher.abandon()


def _not_run(failure: CommandFailedError) -> CommandFailedError:
    cause = failure.__cause__
    text = "\n".join([failure.message, *getattr(cause, "__notes__", ())])
    if isinstance(cause, NotStartedError):
        return _NOT_STARTED[cause.exit_code](text)
    is_passing = isinstance(failure, NoAccessNowError) or isinstance(cause, ApprovalAwaitedError)
    return (LaterError if is_passing else NotGivenError)(text)


def _code(ended: Ended) -> int:
    return exits.TAKEN_AWAY if ended.was_taken else ended.code


def _file(context: click.Context, given: dict[str, Any]) -> RunFile:
    """Read the run file, if one is named, and put in what the command line does not say."""
    named: Path | None = given.pop("file")
    file = RunFile() if named is None else read_run_file(named)
    file.fill(context, given)
    return file


def _said(context: click.Context) -> frozenset[str]:
    """Return which options the command line itself says."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return frozenset(n for n, source in sources.items() if source is ParameterSource.COMMANDLINE)


def _needs(given: dict[str, Any], written: Sequence[Need]) -> tuple[Need, ...]:
    said = Said(
        needs=given.pop("needs"),
        scopes=given.pop("scopes"),
        shapes=given.pop("shapes"),
        ttls=given.pop("ttls"),
    )
    try:
        return read_needs(said, _span, written=written)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _proxying(
    needs: Sequence[Need], given: dict[str, Any], written: Sequence[Declared]
) -> Proxying | None:
    members = {name: given[name] for name in ("only_declared", "upstream_ca")}
    members["log"] = given["proxy_log"]
    routes = tuple(written) if given["routes"] is None else _routes(given["routes"])
    if not routes:
        if any(members.values()):
            raise click.UsageError("Missing option '--proxy': the others are for it.")
        return None
    if given["may_ask"]:
        raise click.UsageError("'--may-ask' does not go with '--proxy': its command holds nothing.")
    for route in routes:
        if route.need not in {need.name for need in needs}:
            raise click.UsageError(f"--proxy: the route {route.id} is for a need that is not here.")
    return Proxying(routes=routes, **members)


def _routes(source: BinaryIO) -> tuple[Declared, ...]:
    try:
        return read_routes(source.read(MAX_BYTES + 1))
    except InvalidRequestError as error:
        raise click.UsageError(f"--proxy: {error.field}: {error}") from error


def _span(text: str) -> int:
    try:
        return SPAN.convert(text, None, None)
    except click.BadParameter as error:
        raise ValueError(error.message) from error


def _require_executable(command: str) -> None:
    """Look before anything is opened.

    Raises:
        CommandFailedError: there is no such command, or it cannot be executed.
    """
    if shutil.which(command) is not None:
        return
    is_there = shutil.which(command, mode=os.F_OK) is not None
    what = "cannot be executed" if is_there else "is not found"
    code = exits.NOT_EXECUTABLE if is_there else exits.NOT_FOUND
    raise _NOT_STARTED[code](f"{command} {what}: nothing was opened.")


def _say(text: str) -> None:
    lines = "".join(f"broker run: {shown(line)}\n" for line in text.splitlines())
    sys.stderr.write(lines)
    sys.stderr.flush()
