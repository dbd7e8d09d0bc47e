"""`broker facts import`: many changes at once, beside the ledger."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from broker.cli import deaths, fact_views
from broker.cli.deaths import agree
from broker.cli.fact_lines import Lines, read_lines, read_pairs
from broker.cli.interrupts import run
from broker.cli.one import One
from broker.cli.person import this_person
from broker.cli.progress import Teller, telling
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option, load
from broker.clock import SystemClock
from broker.errors import InvalidChangeError
from broker.fact_desk import FactDesk
from broker.fact_orders import refusal
from broker.facts.change import ChangeSet
from broker.foresight import Outlook
from broker.http.fact_filters import source as parse_source
from broker.installation import open_installation
from broker.model.fact import Hold
from broker.settings.settings import Settings
from broker.text import parse_reason

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Looked:
    """A change, over which revision it was looked at, and who would die of it."""

    change: ChangeSet
    base: int
    outlook: Outlook


@click.command(name="import", short_help="Import a large file, all or nothing.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@click.option("--tenant", cls=One, help="FILE holds relationships of this tenant, as CSV or JSON.")
@click.option("--source", cls=One, help="Whose declaration it is; by hand when left away.")
@click.option("--reason", cls=One, required=True, help="Why, for the audit trail.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only show who would die.")
@click.option("--accept", cls=One, help="The digest of many deaths that are meant.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def import_(
    file: Path,
    config: Path,
    *,
    tenant: str,
    source: str,
    reason: str,
    is_dry: bool,
    accept: str,
    as_json: bool,
) -> None:
    """Import up to 200,000 changes: one a line, as JSON, as the API takes them (docs/api.md).

    With --tenant these are relationships: CSV with subject,relation,object,expires in its first
    line, or objects with these members, one a line.

    It works beside the ledger, like `broker apply`. All of it is made, as one revision, or nothing;
    every fault is told with its line.
    """
    settings, screen = load(config), Screen(sys.stdout, as_json=as_json)
    hold = Hold(parse_reason(reason), this_person(), SystemClock().now_ms())
    with telling(sys.stderr, as_json=as_json) as teller:
        lines = read_pairs(file, tenant) if tenant else read_lines(file, hold, teller)
        named = parse_source(source, "source") if source else ""
        change = ChangeSet(hold.by, reason, lines.changes, named)
        looked = _located(lines, lambda: run(_look(settings, change, teller)))
    if is_dry:
        screen.answer(_told(looked.base, looked, is_dry=True), fact_views.changed)
        return
    agree(looked.outlook, settings.reevaluation.brake_leases, accept, screen)
    with telling(sys.stderr, as_json=as_json) as teller:
        revision = _located(lines, lambda: run(_make(settings, looked, teller)))
    screen.answer(_told(revision, looked), fact_views.changed)


async def _look(settings: Settings, change: ChangeSet, teller: Teller) -> Looked:
    async with open_installation(settings) as found:
        desk = FactDesk(found, SystemClock())
        facts = await desk.facts()
        if faults := await _under_way("checking", teller, desk.faults(facts, change)):
            raise refusal(faults, change)
        outlook = await _under_way("looking who would die", teller, desk.look(facts, change))
        return Looked(change, facts.revision, outlook)


async def _make(settings: Settings, looked: Looked, teller: Teller) -> int:
    async with open_installation(settings) as found:
        desk = FactDesk(found, SystemClock())
        return await _under_way("making it so", teller, desk.make(looked.base, looked.change))


async def _under_way(what: str, teller: Teller, work: Awaitable[T]) -> T:
    """Show that work is under way whose end nobody knows before."""
    teller.tell(what, 0, None)
    return await work


def _located(lines: Lines, work: Callable[[], T]) -> T:
    """Say of each fault in which line it is."""
    try:
        return work()
    except InvalidChangeError as error:
        raise lines.located(error) from error


def _told(revision: int, looked: Looked, *, is_dry: bool = False) -> Document:
    told = deaths.told(looked.outlook)
    return {
        "revision": revision,
        "dry_run": is_dry,
        "changes": len(looked.change.changes),
        "deaths": told["deaths"],
        "unsure": told["unsure"],
        "dying": told["dying"],
        "digest": told["accept"],
        "complete": told["complete"],
    }
