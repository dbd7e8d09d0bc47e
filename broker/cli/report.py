"""`broker report`: what became of every credential of a task, or of an order."""

import sys
from dataclasses import dataclass, replace
from functools import partial

import click
from click.exceptions import Exit

from broker.cli import views
from broker.cli.desk import Desk, at_desk
from broker.cli.one import One
from broker.cli.progress import Teller, telling
from broker.cli.reach import Waiting, exit_code, reached, wait_options
from broker.cli.reports import whole
from broker.cli.subjects import SUBJECT, is_revocation
from broker.client.api import BrokerClient
from broker.client.results import Report
from broker.model.receipt import ReceiptState

_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which report, and what of it; an empty word does not narrow it."""

    subject: str
    state: str
    capability: str
    kind: str


@click.command(short_help="Tell what became of every credential of a task or order.")
@SUBJECT
@wait_options
@click.option(
    "--state",
    type=click.Choice([str(state) for state in ReceiptState]),
    help="Only receipts that say so.",
)
@click.option("--capability", cls=One, help="Only credentials of this capability.")
@click.option("--kind", cls=One, help="Only credentials of this kind, such as jwt.")
@at_desk
def report(
    desk: Desk, /, subject: str, wait: str | None, timeout: int, **which: str | None
) -> None:
    """Tell what became of every credential of a task (t_…, c_…) or of an order (r_…).

    The report is followed to its end. With --wait it is followed until every credential is dead
    in the ledger, told to its target (accepted), or refused by its target (confirmed): ends with 0
    then, with 4 when the time is up, with 5 when what is left dies only of age. That is judged by
    every receipt, so --wait goes with neither --state nor --capability nor --kind.
    """
    if wait and any(which.values()):
        raise click.UsageError("--wait judges every receipt: leave --state and the like away")
    desk = replace(desk, timeout_seconds=_PATIENCE_SECONDS)
    waiting = Waiting.of(wait, timeout)
    wanted = _Wanted(subject, **{name: value or "" for name, value in which.items()})
    answer = desk.ask(partial(_read, desk, wanted, waiting))
    desk.print(answer, views.report)
    raise Exit(exit_code(answer.receipts, waiting.level))


async def _read(desk: Desk, wanted: _Wanted, waiting: Waiting, broker: BrokerClient) -> Report:
    calls = broker.operator if is_revocation(wanted.subject) else broker.tasks
    with telling(sys.stderr, as_json=desk.screen.is_json) as teller:
        if waiting.level is None:
            return await _whole(broker, wanted, teller)
        return await reached(calls.reach, wanted.subject, waiting.level, waiting.seconds, teller)


async def _whole(broker: BrokerClient, wanted: _Wanted, teller: Teller) -> Report:
    is_order = is_revocation(wanted.subject)
    ask = broker.operator.revocation_report if is_order else broker.tasks.report

    async def page(cursor: str) -> Report:
        return await ask(
            wanted.subject,
            state=wanted.state,
            capability=wanted.capability,
            kind=wanted.kind,
            cursor=cursor,
        )

    is_narrowed = bool(wanted.state or wanted.capability or wanted.kind)
    return await whole(await page(""), page, teller, is_narrowed=is_narrowed)
