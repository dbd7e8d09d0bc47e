"""`broker mcp`: the broker's verbs as tools of the Model Context Protocol, for one agent."""

import asyncio
import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING

import click

from broker.cli.caller import Caller, caller_options
from broker.cli.failure import CommandFailedError
from broker.cli.interrupts import run
from broker.cli.one import One
from broker.client.api import BrokerClient
from broker.client.endpoint import open_session
from broker.client.errors import ClientError
from broker.client.heart import Heart
from broker.running.folder import RunFolder, choose_place

if TYPE_CHECKING:
    from broker.mcp.verbs import AgentVerbs

_TIMEOUT_SECONDS = 10.0


@click.group(short_help="Offer the broker's verbs to an agent as tools of MCP.")
def mcp() -> None:
    """Offer the broker's verbs to an agent as tools of the Model Context Protocol."""


@mcp.command(short_help="Speak MCP on standard input and output.")
@click.option("--broker", "url", envvar="BROKER_URL", required=True, help="The broker's URL.")
@click.option(
    "--task", cls=One, envvar="BROKER_TASK_ID", required=True, help="The agent's task, open."
)
@caller_options
def serve(url: str, task: str, caller: Caller) -> None:
    """Speak MCP on standard input and output, for the agent of one task, until its input ends.

    What the agent asks for is put into files that this user alone may read. While this runs it
    beats for the task; when it ends, what was given here is given back. The task goes on.
    """
    run(_serve(url, task, caller))


async def _serve(url: str, task: str, caller: Caller) -> None:
    async with open_session() as session:
        try:
            broker = caller.client(url, session, _TIMEOUT_SECONDS)
        except ValueError as error:
            raise click.UsageError(f"--broker {url!r}: {error}") from error
        with RunFolder(choose_place(os.environ).base) as folder:
            await _speak(broker, task, _verbs(broker, task, folder))


def _verbs(broker: BrokerClient, task: str, folder: RunFolder) -> "AgentVerbs":
    from broker.mcp.places import FilePlaces  # noqa: PLC0415 - the SDK is loaded by this command alone
    from broker.mcp.verbs import AgentVerbs  # noqa: PLC0415

    return AgentVerbs(broker, task, FilePlaces(folder.path))


async def _speak(broker: BrokerClient, task: str, verbs: "AgentVerbs") -> None:
    try:
        from broker.mcp.server import build_server  # noqa: PLC0415
        from broker.mcp.speaking import speak  # noqa: PLC0415
    except ImportError as error:
        raise CommandFailedError("Install the MCP SDK: pip install 'jit-broker[mcp]'") from error
    try:
        opened = await broker.tasks.heartbeat(task)
    except ClientError as error:
        raise CommandFailedError(f"{error}\n{error.remedy}") from error
    heart = Heart(opened, partial(broker.tasks.heartbeat, task), on_loss=lambda: None)
    beating = asyncio.create_task(heart.run())
    try:
        await speak(build_server(verbs))
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
        await verbs.give_up_all()
