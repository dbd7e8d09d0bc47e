"""Ids on the command line, and how a shell completes them.

Completing asks the broker that the environment names, for a moment and once; whatever goes wrong
there, nothing is completed and nothing is said.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final

import click
from click.shell_completion import CompletionItem

from broker.cli.caller import Caller, caller_of
from broker.cli.interrupts import run
from broker.client.api import BrokerClient
from broker.client.endpoint import open_session
from broker.client.errors import ClientError
from broker.terminal import shown

Ask = Callable[[BrokerClient], Awaitable[list[CompletionItem]]]

_PATIENCE_SECONDS: Final = 1.0
_MOST: Final = 50


def is_revocation(subject: str) -> bool:
    """Tell an order's id from a task's."""
    return subject.startswith("r_")


def complete_task(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the newest open tasks that the caller may see."""
    del param
    return offer(ctx, incomplete, _open_tasks)


def complete_revocation(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the newest orders that the caller may see."""
    del param
    return offer(ctx, incomplete, _orders)


def complete_subject(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer orders where their letter was written, and else open tasks."""
    complete = complete_revocation if incomplete.startswith("r") else complete_task
    return complete(ctx, param, incomplete)


def offer(ctx: click.Context, incomplete: str, ask: Ask) -> list[CompletionItem]:
    """Offer what a broker names, if one answers at once."""
    url = ctx.params.get("url") or os.environ.get("BROKER_URL")
    if not url:
        return []
    try:
        found = run(_asked(str(url), caller_of(ctx.params), ask))
    except (click.UsageError, ClientError, ValueError, OSError):
        return []
    return [item for item in found if str(item.value).startswith(incomplete)]


async def _asked(url: str, caller: Caller, ask: Ask) -> list[CompletionItem]:
    async with open_session() as session:
        broker = caller.client(url, session, _PATIENCE_SECONDS)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await ask(broker)


async def _open_tasks(broker: BrokerClient) -> list[CompletionItem]:
    tasks = (await broker.tasks.find(state="open", limit=_MOST)).tasks
    return [CompletionItem(each.id, help=shown(f"{each.name} ({each.agent})")) for each in tasks]


async def _orders(broker: BrokerClient) -> list[CompletionItem]:
    orders = (await broker.operator.revocations(limit=_MOST)).revocations
    return [CompletionItem(each.id, help=shown(each.reason)) for each in orders]


def task_argument(
    name: str = "task_id", metavar: str = "TASK"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the argument that names a task."""
    return click.argument(name, metavar=metavar, shell_complete=complete_task)


SUBJECT: Final = click.argument(
    "subject", metavar="TASK|REVOCATION", shell_complete=complete_subject
)
"""The argument that names a task or an order."""
