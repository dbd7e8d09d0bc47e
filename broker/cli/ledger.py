"""`broker ledger`: look after what is in the ledger."""

import sys
from pathlib import Path

import click
import msgspec
from click.exceptions import Exit
from rich.console import RenderableType

from broker.cli import exits
from broker.cli.interrupts import run
from broker.cli.progress import telling
from broker.cli.screen import Document, Screen, rows
from broker.cli.settings import config_option, load
from broker.ledger_check import Finding, LedgerCheck
from broker.settings.store import StoreSettings
from broker.store.connect import connect
from broker.store.ledger import Ledger
from broker.store.limits import Limits


@click.group(short_help="Look after what is in the ledger.")
def ledger() -> None:
    """Look after what is in the ledger."""


@ledger.command(short_help="Name what should not be in the ledger.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config: Path, *, as_json: bool) -> None:
    """Walk all buckets, and name what should not be. Nothing is changed, and nothing repaired.

    Looks for another schema, indexes that name nothing, records that cannot be read, tasks and
    leases that nobody will end, gaps in the outboxes and in the feed log, quotas that count the
    dead. What is found while brokers work may be a change under way: look twice. Ends with 1 when
    something is wrong.
    """
    findings = run(_walk(load(config).store, as_json=as_json))
    is_sound = all(finding.severity != "fail" for finding in findings)
    told = {"sound": is_sound, "findings": [msgspec.to_builtins(each) for each in findings]}
    Screen(sys.stdout, as_json=as_json).answer(told, _view)
    raise Exit(exits.OK if is_sound else exits.REFUSED)


async def _walk(store: StoreSettings, *, as_json: bool) -> list[Finding]:
    link = await connect(store)
    try:
        whole = Ledger.over(link, namespace=store.namespace, buckets=store.buckets, limits=Limits())
        with telling(sys.stderr, as_json=as_json) as teller:
            return await LedgerCheck(link, whole).run(
                lambda done, total: teller.tell("buckets", done, total)
            )
    finally:
        await link.close()


def _view(document: Document) -> RenderableType:
    columns = ("severity", "where", "what", "remedy")
    return rows(document["findings"], columns, empty="Nothing is wrong in any bucket.")
