"""`broker task`: open, look at and end tasks."""

import sys
from functools import partial
from typing import Any, TextIO

import click
from click.exceptions import Exit

from broker.cli import views
from broker.cli.desk import Ask, Desk, at_desk
from broker.cli.one import One
from broker.cli.private_file import read_secret_text
from broker.cli.progress import showing
from broker.cli.reach import Waiting, ask_and_wait, exit_code, wait_options
from broker.cli.reports import whole
from broker.cli.subjects import task_argument
from broker.cli.task_tree import tree
from broker.cli.task_uses import uses
from broker.cli.types import CEILING_LINE, DURATION, SPAN
from broker.client.api import BrokerClient
from broker.client.results import Ceiling, Report

TASK = task_argument()
REASON = click.option("--reason", default="", help="Why, for the audit trail.")
BECAUSE = click.option("--reason", required=True, help="Why, for the audit trail.")


@click.group(short_help="Open, look at and end tasks.")
def task() -> None:
    """Open, look at and end tasks."""


@task.command(name="open")
@click.option("--name", required=True, help="What the job is.")
@click.option("--agent", required=True, help="Who shall do it.")
@click.option("--tenant", required=True, help="Whose job it is.")
@click.option(
    *("--capability", "ceiling"),
    type=CEILING_LINE,
    multiple=True,
    required=True,
    help="The most it can get: CAPABILITY[=SCOPE[,SCOPE]]. Repeatable.",
)
@click.option("--ttl", "ttl_seconds", type=SPAN, required=True, help="Its deadline: 10m, 8h.")
@click.option("--idle", "idle_timeout_seconds", type=SPAN, help="How long its agent may idle.")
@click.option("--opener-timeout", "opener_timeout_seconds", type=DURATION, help="The same for you.")
@click.option("--instance", cls=One, help="Which copy of the agent; else a claim handle.")
@click.option("--on-behalf-of", cls=One, help="For whom.")
@click.option("--ticket", "tickets", multiple=True, help="What it is about. Repeatable.")
@click.option("--resource", "resources", multiple=True, help="What it touches. Repeatable.")
@click.option("--parent", cls=One, help="The task that it is a part of.")
@click.option("--audience", "audiences", multiple=True, help="Only for these. Repeatable.")
@click.option("--max-levels", type=click.IntRange(0), help="Levels of tasks below it, at most.")
@click.option("--max-children", type=click.IntRange(1), help="Open children of each, at most.")
@click.option("--max-below", type=click.IntRange(1), help="Open tasks below it in all, at most.")
@click.option("--idempotency-key", cls=One, help="Makes a repeated command harmless.")
@at_desk
def open_task(desk: Desk, /, ceiling: tuple[Ceiling, ...], **members: Any) -> None:  # noqa: ANN401 - the keywords of TaskCalls.open
    """Open a task.

    Without --instance the answer has a claim handle: give it to the copy of the agent that shall
    do the job.
    """
    desk.answer(lambda broker: broker.tasks.open(ceiling=ceiling, **members), views.opened)


@task.command()
@TASK
@at_desk
def show(desk: Desk, /, task_id: str) -> None:
    """Show a task."""
    desk.answer(lambda broker: broker.tasks.show(task_id), views.task)


task.add_command(tree)
task.add_command(uses)


@task.command(name="list")
@click.option("--tenant", cls=One, help="Only this tenant's.")
@click.option("--agent", cls=One, help="Only this agent's.")
@click.option("--state", cls=One, help="Only those: open, frozen, completed, failed, cancelled.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, **which: Any) -> None:  # noqa: ANN401 - the keywords of TaskCalls.find
    """List the tasks that you may see."""
    desk.answer(lambda broker: broker.tasks.find(**which), views.tasks)


@task.command(short_help="Bind a task to this copy of the agent.")
@TASK
@click.option(
    "--handle-file",
    type=click.File("r", encoding="ascii"),
    required=True,
    help="The file that holds the claim handle; - reads standard input.",
)
@at_desk
def claim(desk: Desk, /, task_id: str, handle_file: TextIO) -> None:
    """Bind a task to this copy of the agent, by the handle that its opener was given.

    The handle never stands on a command line, where everybody on the machine can read it.
    """
    handle = read_secret_text(handle_file)
    desk.answer(lambda broker: broker.tasks.claim(task_id, handle), views.task)


@task.command(short_help="Show what became of a task's credentials.")
@TASK
@at_desk
def report(desk: Desk, /, task_id: str) -> None:
    """Show what became of every credential of a task."""
    _tell(desk, lambda broker: broker.tasks.report(task_id), task_id)


@task.command()
@TASK
@REASON
@wait_options
@at_desk
def complete(desk: Desk, /, task_id: str, reason: str, wait: str | None, timeout: int) -> None:
    """End a task well; every credential of it dies.

    With --wait it takes until all of them are dead in the ledger, told to their targets (accepted),
    or refused by them (confirmed): ends with 0 then, with 4 when the time is up, with 5 when what
    is left dies only of age. The task has ended in any case; broker report follows it further.
    """
    waiting = Waiting.of(wait, timeout)
    _end(desk, lambda broker: broker.tasks.complete(task_id, reason=reason), task_id, waiting)


@task.command(short_help="End a task badly.")
@TASK
@REASON
@wait_options
@at_desk
def fail(desk: Desk, /, task_id: str, reason: str, wait: str | None, timeout: int) -> None:
    """End a task badly; every credential of it dies. --wait as for complete."""
    waiting = Waiting.of(wait, timeout)
    _end(desk, lambda broker: broker.tasks.fail(task_id, reason=reason), task_id, waiting)


@task.command()
@TASK
@REASON
@wait_options
@at_desk
def cancel(desk: Desk, /, task_id: str, reason: str, wait: str | None, timeout: int) -> None:
    """Stop a task; every credential of it dies. --wait as for complete."""
    waiting = Waiting.of(wait, timeout)
    _end(desk, lambda broker: broker.tasks.cancel(task_id, reason=reason), task_id, waiting)


@task.command(short_help="Kill what a task has; it may be thawed.")
@TASK
@BECAUSE
@wait_options
@at_desk
def freeze(desk: Desk, /, task_id: str, reason: str, wait: str | None, timeout: int) -> None:
    """Kill every credential of a task and of all below it, and give it nothing until it is thawed.

    The task stays: its deadline and its agent's silence still end it. --wait as for complete.
    """
    waiting = Waiting.of(wait, timeout)
    _end(desk, lambda broker: broker.tasks.freeze(task_id, reason=reason), task_id, waiting)


@task.command(short_help="Let a frozen task ask anew.")
@TASK
@BECAUSE
@at_desk
def thaw(desk: Desk, /, task_id: str, reason: str) -> None:
    """Let a frozen task ask for new credentials; what it had stays dead. For operators."""
    desk.answer(lambda broker: broker.tasks.thaw(task_id, reason=reason), views.task)


def _end(desk: Desk, end: Ask[Report], task_id: str, waiting: Waiting) -> None:
    if waiting.level is None:
        _tell(desk, end, task_id)
        return
    report = ask_and_wait(desk, end, lambda broker: broker.tasks.reach, task_id, waiting)
    desk.print(report, views.report)
    raise Exit(exit_code(report.receipts, waiting.level))


def _tell(desk: Desk, ask: Ask[Report], task_id: str) -> None:
    """Ask for a report, follow it to its end, and print all of it."""

    async def read(broker: BrokerClient) -> Report:
        following = partial(_page, broker, task_id)
        with showing(sys.stderr, as_json=desk.screen.is_json) as teller:
            return await whole(await ask(broker), following, teller)

    desk.answer(read, views.report)


async def _page(broker: BrokerClient, task_id: str, cursor: str) -> Report:
    return await broker.tasks.report(task_id, cursor=cursor)
