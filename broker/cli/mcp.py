"""`broker mcp`: the broker's verbs as tools of the Model Context Protocol, for one agent."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from broker.cli.caller import Caller, caller_of
from broker.cli.caller_files import file_options
from broker.cli.desk import sentence
from broker.cli.failure import CommandFailedError
from broker.cli.interrupts import run
from broker.cli.one import One
from broker.client.api import BrokerClient
from broker.client.endpoint import open_session
from broker.client.errors import ClientError
from broker.client.heart import Heart
from broker.client.results import Task
from broker.mcp.in_run import WITHIN_SECONDS, RunVerbs
from broker.running.desk_client import DeskClient
from broker.running.errors import RunError
from broker.running.folder import RunFolder, choose_place
from broker.shapes.desk import URL as RUN_URL
from broker.tools.places import FilePlaces
from broker.tools.verbs import AgentVerbs, VerbRefusedError, Verbs

if TYPE_CHECKING:
    from mcp.server import MCPServer

_TIMEOUT_SECONDS = 10.0


@click.group(short_help="Offer the broker's verbs to an agent by MCP.")
def mcp() -> None:
    """Offer the broker's verbs to an agent as tools of the Model Context Protocol."""


@mcp.command(short_help="Speak MCP on standard input and output.")
@click.option("--broker", "url", cls=One, envvar="BROKER_URL", help="The broker's URL.")
@click.option("--task", cls=One, envvar="BROKER_TASK_ID", help="The agent's task, open.")
@file_options
def serve(url: str, task: str, **files: Any) -> None:  # noqa: ANN401 - the files' options
    """Speak MCP on standard input and output, for the agent of one task, until its input ends.

    What the agent asks for is put into files that this user alone may read. While this runs it
    beats for the task; when it ends, what was given here is given back. The task goes on.

    Within `broker run` it needs no evidence, URL or task: the run asks the broker in its place.
    """
    if os.environ.get(RUN_URL) and not any(files[name] for name in ("token_file", "cert_file")):
        run(_serve_in_run(task))
        return
    for option, given in (("broker", url), ("task", task)):
        if not given:
            raise click.UsageError(f"Missing option '--{option}'; within `broker run`, it has it.")
    run(_serve(url, task, caller_of(files)))


async def _serve_in_run(task: str) -> None:
    build = _builder()
    from broker.mcp.speaking import speak  # noqa: PLC0415 - as in _builder

    try:
        verbs = RunVerbs(DeskClient.of_environment(timeout_seconds=WITHIN_SECONDS))
        seen = await verbs.task()
    except RunError as error:
        raise CommandFailedError(f"{error}\n{error.remedy}") from error
    except VerbRefusedError as refusal:
        raise CommandFailedError(str(refusal)) from refusal
    if task and task != seen.task:
        raise click.UsageError(f"--task {task}: this run's task is {seen.task}; leave it out.")
    try:
        await speak(build(verbs))
    finally:
        await verbs.give_up_all()


async def _serve(url: str, task: str, caller: Caller) -> None:
    async with open_session() as session:
        try:
            broker = caller.client(url, session, _TIMEOUT_SECONDS)
        except ValueError as error:
            raise click.UsageError(f"--broker {url!r}: {error}") from error
        with RunFolder(choose_place(os.environ).base) as folder:
            try:
                opened = await broker.tasks.heartbeat(task)
            except ClientError as error:
                raise CommandFailedError(sentence(error, url, caller)) from error
            await _speak(broker, opened, AgentVerbs(broker, task, FilePlaces(folder.path)))


async def _speak(broker: BrokerClient, opened: Task, verbs: AgentVerbs) -> None:
    build = _builder()
    from broker.mcp.speaking import speak  # noqa: PLC0415 - as in _builder

    heart = Heart(opened, partial(broker.tasks.heartbeat, opened.id), on_loss=lambda: None)
    beating = asyncio.create_task(heart.run())
    try:
        await speak(build(verbs))
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
        await verbs.give_up_all()


def _builder() -> "Callable[[Verbs], MCPServer]":
    """Load the SDK, which this command alone needs."""
    try:
        from broker.mcp.server import build_server  # noqa: PLC0415
    except ImportError as error:
        raise CommandFailedError("Install the MCP SDK: pip install 'jit-broker[mcp]'") from error
    return build_server
