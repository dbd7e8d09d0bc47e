"""`broker notify`: does what happens reach those who are to be told?"""

import asyncio
import contextlib
import sys
from pathlib import Path

import click
from click.exceptions import Exit
from rich.console import RenderableType

from broker.cli import exits
from broker.cli.interrupts import run
from broker.cli.person import this_person
from broker.cli.screen import Document, Screen, rows
from broker.cli.settings import config_option, load
from broker.clock import SystemClock
from broker.errors import StoreUnavailableError
from broker.notices.notice import Notice
from broker.notices.notice_side import NoticeSession, receivers_of
from broker.notices.outcome import Delivered, Failed, Outcome, Receiver
from broker.settings.settings import Settings
from broker.store.connect import connect
from broker.store.notice_ledger import NoticeLedger

TEST = "notice.test"


@click.group(short_help="Look after who is told of what happens.")
def notify() -> None:
    """Look after who is told of what happens (`notify` in broker.yaml)."""


@notify.command(short_help="Send one message to every receiver.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def test(config: Path, *, as_json: bool) -> None:
    """Send one message of the type `notice.test` to every receiver, and say what came of it.

    Runs beside a broker, from its configuration. A receiver that had answered that it wants no more
    messages, and takes this one, is told again what waits for it. Ends with 1 when one did not take
    it.
    """
    told = run(_tell_all(load(config)))
    Screen(sys.stdout, as_json=as_json).answer({"receivers": told}, _view)
    is_well = all(each["outcome"] == "delivered" for each in told)
    raise Exit(exits.OK if is_well else exits.REFUSED)


async def _tell_all(settings: Settings) -> list[dict[str, object]]:
    session, clock = NoticeSession(), SystemClock()
    receivers, now_ms = receivers_of(settings.notify, session, clock), clock.now_ms()
    notice = Notice(
        id=f"msg_test_{now_ms}", type=TEST, tenant="", at_ms=now_ms, data={"by": this_person()}
    )
    try:
        tells = (each.tell(notice, settings.notify.deadline_ms) for each in receivers)
        outcomes = await asyncio.gather(*tells)
    finally:
        await session.close()
    pairs = list(zip(receivers, outcomes, strict=True))
    await _resume(settings, [each for each, outcome in pairs if isinstance(outcome, Delivered)])
    return [_told(each, outcome) for each, outcome in pairs]


async def _resume(settings: Settings, well: list[Receiver]) -> None:
    with contextlib.suppress(StoreUnavailableError):  # then nobody is told anything anyhow
        link = await connect(settings.store)
        try:
            for each in well:
                await NoticeLedger(link, settings.store.namespace).resume(each.name)
        finally:
            await link.close()


def _told(receiver: Receiver, outcome: Outcome) -> dict[str, object]:
    word, why = "stopped", "it answered that it wants no more messages"
    if isinstance(outcome, Delivered):
        word, why = "delivered", ""
    elif isinstance(outcome, Failed):
        word, why = "failed", outcome.why
    return {"receiver": receiver.name, "place": receiver.place, "outcome": word, "why": why}


def _view(document: Document) -> RenderableType:
    names = ("receiver", "place", "outcome", "why")
    return rows(document["receivers"], names, empty="nobody is to be told of anything")
