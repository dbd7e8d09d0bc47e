"""`broker apply`: files, or an earlier revision, become what brokers run."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource
from msgspec import structs

from broker.cli import change_views
from broker.cli.interrupts import run
from broker.cli.person import this_person
from broker.cli.screen import Document, Screen
from broker.cli.settings import FILE, config_option, load
from broker.errors import ConfigurationError
from broker.governance.bundle import Bundle
from broker.governance.difference import Change
from broker.installation import open_installation
from broker.publishing import Publishing
from broker.settings.load import Reading
from broker.settings.settings import BundleFiles, Settings
from broker.targets.capabilities import check_targets
from broker.text import parse_reason

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


@click.command(short_help="Check the configuration and publish it.")
@config_option
@click.option(
    "-f",
    "--files",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Publish the files of this folder, not those that the configuration names.",
)
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
    """
    wish = _wish(context, config, given)
    document = run(_apply(wish))
    Screen(sys.stdout, as_json=as_json).answer(document, change_views.applied)


def _wish(context: click.Context, config: Path, given: dict[str, object]) -> Wish:
    files, rollback = given["files"], given["rollback"]
    if files is not None and rollback is not None:
        raise click.UsageError("publish either files or an earlier revision: -f or --rollback")
    if isinstance(files, Path):
        is_default = context.get_parameter_source("config") is ParameterSource.DEFAULT
        config = files / FILE if is_default and (files / FILE).exists() else config
    settings = load(config)
    if isinstance(files, Path):
        settings = _of_folder(settings, files)
    reason = str(given["reason"])
    return Wish(
        settings,
        parse_reason(reason) if reason else "",
        rollback if isinstance(rollback, int) else None,
        given["base"] if isinstance(given["base"], int) else None,
        is_dry=bool(given["is_dry"]),
        accepts=bool(given["accepts"]),
    )


def _of_folder(settings: Settings, folder: Path) -> Settings:
    named = settings.bundle
    files = BundleFiles(
        agents=folder / named.agents.name,
        capabilities=folder / named.capabilities.name,
        resource_servers=folder / named.resource_servers.name,
        schema=folder / named.schema.name,
        policies=folder / named.policies.name,
    )
    return structs.replace(settings, bundle=files)


def _read(settings: Settings) -> Bundle:
    reading = Reading()
    bundle = Bundle.read(settings.bundle, reading)
    document = bundle.document if bundle else None
    check_targets(settings.targets, settings.bundle, document, reading)
    reading.finish()
    if bundle is None:
        raise ConfigurationError("the bundle could not be read")
    return bundle


async def _apply(wish: Wish) -> Document:
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
        if wish.is_dry:
            return _told(standing.revision, bundle, changes, is_dry=True)
        record = await publishing.publish(
            bundle, reason=wish.reason, base=base, rollback_of=target, accepts=wish.accepts
        )
        return _told(record.revision, bundle, changes)


def _told(
    revision: int, bundle: Bundle, changes: Sequence[Change], *, is_dry: bool = False
) -> Document:
    digest = bundle.digest
    if is_dry:
        word = "nothing to publish" if not changes else "published nothing: a dry run"
        said = f"Revision {revision} stands; {word}."
    else:
        said = f"Published revision {revision}, {digest[:12]}."
    return {
        "revision": revision,
        "digest": digest,
        "dry_run": is_dry,
        "changes": change_views.changes(changes),
        "said": said,
    }
