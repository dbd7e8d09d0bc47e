"""`broker apply`: files, or an earlier revision, become what brokers run.

What is published, who would die of it and whether that is meant is settled first, over one
revision; it is then published over just that revision, or not at all.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from broker.cli import change_views, deaths, fact_apply
from broker.cli.candidates import of_folder
from broker.cli.deaths import agree
from broker.cli.interrupts import run
from broker.cli.one import One
from broker.cli.person import this_person
from broker.cli.screen import Document, Screen
from broker.cli.settings import FILE, config_option, load
from broker.errors import ConfigurationError
from broker.foresight import NOTHING, Outlook
from broker.governance.bundle import Bundle
from broker.governance.difference import Change
from broker.installation import open_installation
from broker.publishing import Publishing
from broker.settings.load import Reading
from broker.settings.settings import Settings
from broker.targets.capabilities import check_targets
from broker.text import parse_reason

_OF_BUNDLES: Final = (FILE, "agents.yaml", "policies")
"""What no folder of facts has."""

PREVIOUS: Final = 0
"""What `--rollback` without a number means."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be published, and how."""

    settings: Settings
    reason: str
    rollback: int | None
    base: int | None
    is_dry: bool
    accepts: bool
    accept: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What would be published, over which revision, what it changes, and who would die of it.

    ``target`` is the revision that is gone back to, or 0.
    """

    bundle: Bundle
    base: int
    standing: int
    target: int
    changes: tuple[Change, ...]
    outlook: Outlook


@click.command(short_help="Check the configuration and publish it.")
@config_option
@click.option(
    "-f",
    "--files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A folder with agents.yaml: publish its files, not those that the configuration names. "
    "Files and other folders: facts, which become what they declare; may be given several times.",
)
@click.option("--accept", cls=One, help="The digest of many deaths that are meant.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Show what would change; publish nothing.")
@click.option("--reason", default="", help="Why, for the audit trail.")
@click.option("--base", type=click.IntRange(min=0), help="Refuse unless this revision stands.")
@click.option(
    "--rollback",
    is_flag=False,
    flag_value=PREVIOUS,
    type=click.IntRange(min=0),
    help="Publish what revision N said, by default the one before, instead of files.",
)
@click.option(
    "--restored",
    "accepts",
    is_flag=True,
    help="Trust a ledger again that went back; look at the keys first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def apply(context: click.Context, /, config: Path, *, as_json: bool, **given: object) -> None:
    """Check agents, capabilities, resource servers and policies, and publish them.

    Everything is validated and the policies' own tests are run first; with any fault nothing is
    published, and all faults are printed. What changes is shown. Running brokers pick the new
    revision up at once, all of it or nothing. Going back is a revision too, checked like any other.

    With -f FILE … the things and relationships of all these files and folders become what each
    file's source declares: all of it in one revision, or nothing.

    Who would die of the change is looked at first: with --dry-run that is shown, and when it is
    more than reevaluation.brake_leases it has to be meant, by a yes in a terminal or by --accept.
    """
    screen, files = Screen(sys.stdout, as_json=as_json), _files(given)
    if files:
        _refuse_mixing(given)
        fact_apply.put_in_force(load(config), files, fact_apply.wish_of(given), screen)
        return
    wish = _wish(context, config, given)
    looked = run(_look(wish))
    if wish.is_dry:
        screen.answer(_told(looked.standing, looked, is_dry=True), change_views.applied)
        return
    agree(looked.outlook, wish.settings.reevaluation.brake_leases, wish.accept, screen)
    revision = run(_publish(wish, looked))
    screen.answer(_told(revision, looked), change_views.applied)


def _files(given: dict[str, object]) -> tuple[Path, ...]:
    """Return the files and folders of facts; none when a bundle's folder is meant, or nothing.

    Raises:
        click.UsageError: a bundle's folder together with anything else.
    """
    named = given["files"]
    paths = (
        tuple(each for each in named if isinstance(each, Path)) if isinstance(named, tuple) else ()
    )
    bundles = [path for path in paths if _is_bundle(path)]
    if bundles and len(paths) > 1:
        raise click.UsageError(f"{bundles[0]} is a bundle: publish it by itself, then the facts")
    given["files"] = bundles[0] if bundles else None
    return () if bundles else paths


def _is_bundle(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in _OF_BUNDLES)


def _refuse_mixing(given: dict[str, object]) -> None:
    if given["rollback"] is not None or given["accepts"]:
        raise click.UsageError("files of facts go without --rollback and --restored")


def _wish(context: click.Context, config: Path, given: dict[str, object]) -> Wish:
    files, rollback = given["files"], given["rollback"]
    if files is not None and rollback is not None:
        raise click.UsageError("publish either files or an earlier revision: -f or --rollback")
    if isinstance(files, Path):
        is_default = context.get_parameter_source("config") is ParameterSource.DEFAULT
        config = files / FILE if is_default and (files / FILE).exists() else config
    settings = load(config)
    if isinstance(files, Path):
        settings = of_folder(settings, files)
    reason = str(given["reason"])
    return Wish(
        settings,
        parse_reason(reason) if reason else "",
        rollback if isinstance(rollback, int) else None,
        given["base"] if isinstance(given["base"], int) else None,
        is_dry=bool(given["is_dry"]),
        accepts=bool(given["accepts"]),
        accept=str(given["accept"] or ""),
    )


def _read(settings: Settings) -> Bundle:
    reading = Reading()
    bundle = Bundle.read(settings.bundle, reading)
    document = bundle.document if bundle else None
    check_targets(settings.targets, settings.bundle, document, reading)
    reading.finish()
    if bundle is None:
        raise ConfigurationError("the bundle could not be read")
    return bundle


async def _look(wish: Wish) -> Looked:
    bundle = None if wish.rollback is not None else _read(wish.settings)
    async with open_installation(wish.settings) as found:
        publishing = Publishing(found, by=this_person())
        standing = await publishing.standing()
        base = standing.revision if wish.base is None else wish.base
        target = 0
        if bundle is None:
            target = await publishing.earlier(wish.rollback or PREVIOUS)
            bundle = await publishing.kept(target)
        changes = await publishing.compare(bundle)
        outlook = await publishing.foresee(bundle) if changes else NOTHING
        return Looked(bundle, base, standing.revision, target, changes, outlook)


async def _publish(wish: Wish, looked: Looked) -> int:
    async with open_installation(wish.settings) as found:
        record = await Publishing(found, by=this_person()).publish(
            looked.bundle,
            reason=wish.reason,
            base=looked.base,
            rollback_of=looked.target,
            accepts=wish.accepts,
        )
        return record.revision


def _told(revision: int, looked: Looked, *, is_dry: bool = False) -> Document:
    digest = looked.bundle.digest
    if is_dry:
        word = "nothing to publish" if not looked.changes else "published nothing: a dry run"
        words = f"Revision {revision} stands; {word}."
    else:
        words = f"Published revision {revision}, {digest[:12]}."
    if looked.changes:
        words = f"{words[:-1]}; {deaths.said(looked.outlook)}."
    return {
        "revision": revision,
        "digest": digest,
        "dry_run": is_dry,
        "changes": change_views.changes(looked.changes),
        **deaths.told(looked.outlook),
        "said": words,
    }
