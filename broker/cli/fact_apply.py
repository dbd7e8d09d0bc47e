"""`broker apply -f FILE…` and `broker facts diff`: what files declare, beside the ledger.

Files speak for their sources: what one no longer declares goes, what people made by hand stays. All
that is named is put in force in one revision, or nothing of it.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import click
from click.exceptions import Exit
from rich.console import RenderableType
from rich.text import Text

from broker.cli import change_views, deaths, exits, fact_difference, fact_views
from broker.cli.deaths import agree
from broker.cli.interrupts import run
from broker.cli.person import this_person
from broker.cli.screen import Document, Screen, stacked
from broker.cli.settings import config_option, load
from broker.clock import SystemClock
from broker.errors import LocatedFault
from broker.fact_desk import FactDesk
from broker.facts.change import ChangeSet
from broker.facts.documents import Difference
from broker.facts.planning import Planned, planned
from broker.foresight import NOTHING, Outlook
from broker.governance.fact_files import DeclaredFacts, fact_file_paths, read_fact_files
from broker.installation import open_installation
from broker.settings.load import Reading
from broker.settings.settings import Settings
from broker.terminal import shown
from broker.text import parse_reason

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FilesWish:
    """How files are to be put in force."""

    reason: str
    base: int | None
    is_dry: bool
    accept: str


@dataclass(frozen=True, slots=True)
class Declared:
    """What files declare, and what was found to be wrong with them so far."""

    facts: DeclaredFacts
    reading: Reading


@dataclass(frozen=True, slots=True)
class Looked:
    """What would change, over which revision, and who would die of it."""

    plan: tuple[Planned, ...]
    base: int
    outlook: Outlook

    @property
    def parts(self) -> tuple[ChangeSet, ...]:
        """What is to be made: a set for each source that says something else."""
        return tuple(each.change for each in self.plan if each.change.changes)


def wish_of(given: Mapping[str, object]) -> FilesWish:
    """Read how files are to be put in force."""
    reason, base = str(given["reason"] or ""), given["base"]
    return FilesWish(
        parse_reason(reason) if reason else "declared in files",
        base if isinstance(base, int) else None,
        is_dry=bool(given["is_dry"]),
        accept=str(given["accept"] or ""),
    )


def put_in_force(
    settings: Settings, files: Sequence[Path], wish: FilesWish, screen: Screen
) -> None:
    """Make what stands what the files declare, all of it or nothing.

    Raises:
        ConfigurationError: something in the files cannot be; it has every fault.
        SupersededError: somebody changed facts meanwhile.
        WouldKillManyError: it would end more than may die unasked.
    """
    looked = run(_look(settings, _read(files), wish))
    if not wish.is_dry and looked.parts:
        agree(looked.outlook, settings.reevaluation.brake_leases, wish.accept, screen)
        revision = run(_make(settings, looked))
    else:
        revision = looked.base
    screen.answer(_told(revision, looked, is_dry=wish.is_dry), applied)


@click.command(short_help="Compare files with what stands.")
@click.option(
    *("-f", "--file", "files"),
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="A file of facts, or a folder of them; may be given several times.",
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def diff(files: tuple[Path, ...], config: Path, *, as_json: bool) -> None:
    """Show how what files declare differs from what stands, without changing anything.

    Ends with 1 when it differs: somebody has changed by hand what files declare, or the files were
    changed and not applied.
    """
    wish = FilesWish("", None, is_dry=True, accept="")
    looked = run(_look(load(config), _read(files), wish))
    Screen(sys.stdout, as_json=as_json).answer(_told(looked.base, looked, is_dry=True), applied)
    raise Exit(exits.OK if not looked.parts else exits.REFUSED)


def applied(document: Document) -> RenderableType:
    """Show what was put in force, or would be."""
    noted = [Text(shown(note), style="yellow") for note in document["notes"]]
    changed = change_views.changes_view(document["differences"])
    return stacked(changed, *noted, *fact_views.dying(document), Text(document["said"]))


def _read(files: Sequence[Path]) -> Declared:
    """Read files; unless one could not be read at all, what is wrong is told with all the rest.

    Raises:
        ConfigurationError: one could not be read at all; it has every fault.
    """
    reading = Reading()
    facts = read_fact_files(fact_file_paths(files, reading), reading)
    if not facts.is_whole:
        reading.finish()
    return Declared(facts, reading)


async def _look(settings: Settings, declared: Declared, wish: FilesWish) -> Looked:
    async with open_installation(settings) as found:
        desk = FactDesk(found, SystemClock())
        facts = await desk.facts()
        base = facts.revision if wish.base is None else wish.base
        reason = wish.reason or "looked at"
        plan = planned(facts, declared.facts.declarations, this_person(), reason)
        looked = Looked(plan, base, NOTHING)
        declared.reading.note(*await _faults(desk, declared.facts, plan))
        declared.reading.finish()
        outlook = await desk.look(facts, *looked.parts) if looked.parts else NOTHING
        return replace(looked, outlook=outlook)


async def _faults(
    desk: FactDesk, declared: DeclaredFacts, plan: Sequence[Planned]
) -> tuple[LocatedFault, ...]:
    """Find what is wrong with every source's part, each on what those before it leave."""
    found: list[LocatedFault] = []
    for each in plan:
        if each.change.changes:
            faults = await desk.faults(each.before, each.change)
            found += declared.located(each.change, faults)
    return tuple(found)


async def _make(settings: Settings, looked: Looked) -> int:
    async with open_installation(settings) as found:
        return await FactDesk(found, SystemClock()).make(looked.base, *looked.parts)


def _told(revision: int, looked: Looked, *, is_dry: bool) -> Document:
    told = deaths.told(looked.outlook)
    return {
        "revision": revision,
        "sources": [each.difference.source for each in looked.plan],
        "dry_run": is_dry,
        "differences": _of_each(looked, fact_difference.changes),
        "notes": _of_each(looked, fact_difference.notes),
        **told,
        "said": _said(revision, looked, is_dry=is_dry),
    }


def _of_each(looked: Looked, told: Callable[[Difference], list[T]]) -> list[T]:
    return [each for part in looked.plan for each in told(part.difference)]


def _said(revision: int, looked: Looked, *, is_dry: bool) -> str:
    if not looked.parts:
        return f"Revision {revision} of the facts stands; the files say nothing else."
    count = sum(len(part.changes) for part in looked.parts)
    word = "nothing was changed" if is_dry else f"{count} changes"
    return f"Revision {revision} of the facts stands; {word}; {deaths.said(looked.outlook)}."
