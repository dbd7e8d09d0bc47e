"""Ids on the command line, and how a shell completes them.

Completing asks the broker that the environment names, for a moment and once; whatever goes wrong
there, nothing is completed and nothing is said.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Final

import click
from click.shell_completion import CompletionItem

from broker.cli.caller import Caller, caller_of
from broker.client.endpoint import open_session
from broker.client.errors import ClientError
from broker.client.results import Task
from broker.terminal import shown

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
    url = ctx.params.get("url") or os.environ.get("BROKER_URL")
    if not url:
        return []
    try:
        tasks = asyncio.run(_open_tasks(str(url), caller_of(ctx.params)))
    except (click.UsageError, ClientError, ValueError, OSError):
        return []
    return [
        CompletionItem(task.id, help=shown(f"{task.name} ({task.agent})"))
        for task in tasks
        if task.id.startswith(incomplete)
    ]


async def _open_tasks(url: str, caller: Caller) -> tuple[Task, ...]:
    async with open_session() as session:
        broker = caller.client(url, session, _PATIENCE_SECONDS)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return (await broker.tasks.find(state="open", limit=_MOST)).tasks


def task_argument(
    name: str = "task_id", metavar: str = "TASK"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the argument that names a task."""
    return click.argument(name, metavar=metavar, shell_complete=complete_task)


SUBJECT: Final = task_argument("subject", "TASK|REVOCATION")
"""The argument that names a task or an order."""
