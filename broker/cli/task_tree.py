"""`broker task tree`: a task and everything below it."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import click

from broker.cli import tree_views
from broker.cli.desk import Desk, at_desk, document
from broker.cli.screen import Document
from broker.cli.subjects import task_argument
from broker.client.api import BrokerClient

MOST: Final = 1_000
"""Tasks that are shown unless more are asked for: whoever has more looks further down."""


@click.command(short_help="Show a task and everything below it.")
@task_argument()
@click.option(
    "--limit", type=click.IntRange(1), default=MOST, help=f"Show so many at most. Default {MOST}."
)
@click.option("--watch", is_flag=True, help="Show it as it changes, until all of it has ended.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 60),
    default=2.0,
    help="With --watch: how often to look, in seconds. Default 2.",
)
@at_desk
def tree(desk: Desk, /, task_id: str, limit: int, watch: bool, interval: float) -> None:  # noqa: FBT001 - a flag
    """Show a task and everything below it, whichever agents it was handed on to.

    Any task of it can be stopped with broker task cancel: what hangs below dies with it, what is
    above and beside lives on. You see what is below tasks of yours; operators see all of their
    tenants.
    """
    if not watch:
        desk.screen.answer(_look(desk, task_id, limit), tree_views.tree)
        return
    for seen in _changes(desk, task_id, limit, interval):
        if not desk.screen.is_json:
            click.clear()
        desk.screen.answer(seen, tree_views.tree)


def _changes(desk: Desk, task_id: str, limit: int, interval: float) -> Iterator[Document]:
    """Yield the tree whenever it is another one, until nothing of it is left to end."""
    before: Document | None = None
    while True:
        seen = _look(desk, task_id, limit)
        if seen != before:
            yield seen
        if not _has_life(seen):
            return
        before = seen
        desk.ask(lambda _: asyncio.sleep(interval))


def _look(desk: Desk, task_id: str, limit: int) -> Document:
    async def read(broker: BrokerClient) -> list[Any]:
        return [each async for each in broker.tasks.branches(task_id, at_most=limit + 1)]

    found = [document(each) for each in desk.ask(read)]
    return {"tasks": found[:limit], "more": len(found) > limit}


def _has_life(seen: Document) -> bool:
    signs = ("alive", "frozen", "ending_credentials")
    return any(each.get(sign) for each in seen["tasks"] for sign in signs)
