"""Ids on the command line, and how a shell completes them.

Completing asks the broker that the environment names, for a moment and once; whatever goes wrong
there, nothing is completed and nothing is said.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from broker.client.api import BrokerClient
from broker.client.endpoint import open_session, token_file
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
    token = ctx.params.get("token_file") or os.environ.get("BROKER_TOKEN_FILE")
    if not url or not token:
        return []
    try:
        tasks = asyncio.run(_open_tasks(str(url), Path(token)))
    except (ClientError, ValueError, OSError):
        return []
    return [
        CompletionItem(task.id, help=shown(f"{task.name} ({task.agent})"))
        for task in tasks
        if task.id.startswith(incomplete)
    ]


async def _open_tasks(url: str, token: Path) -> tuple[Task, ...]:
    async with open_session() as session:
        patience = _PATIENCE_SECONDS
        broker = BrokerClient(url, token_file(token), session, timeout_seconds=patience)
        async with asyncio.timeout(patience):
            return (await broker.tasks.find(state="open", limit=_MOST)).tasks


def task_argument(
    name: str = "task_id", metavar: str = "TASK"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the argument that names a task."""
    return click.argument(name, metavar=metavar, shell_complete=complete_task)


SUBJECT: Final = task_argument("subject", "TASK|REVOCATION")
"""The argument that names a task or an order."""
