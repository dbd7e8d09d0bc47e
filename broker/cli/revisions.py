"""`broker revisions`: what was published, by whom and why, and what changed."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import msgspec

from broker.cli import change_views
from broker.cli.interrupts import run
from broker.cli.person import this_person
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option, load
from broker.governance.difference import difference
from broker.installation import open_installation
from broker.publishing import Publishing

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
REVISION = click.IntRange(min=1)


@click.group(short_help="Look at what was published.")
def revisions() -> None:
    """Look at the revisions that are kept: who published them, when and why, and what they say."""


@revisions.command(name="list", short_help="List the revisions that are kept.")
@config_option
@AS_JSON
def list_all(config: Path, *, as_json: bool) -> None:
    """List the revisions that are kept, newest first."""
    document = _ask(config, _listed)
    Screen(sys.stdout, as_json=as_json).answer(document, change_views.revisions)


@revisions.command(short_help="Show a revision: by whom, when and why.")
@click.argument("revision", type=REVISION)
@config_option
@AS_JSON
def show(revision: int, config: Path, *, as_json: bool) -> None:
    """Show REVISION: who published it, when and why; with --json everything that it says."""
    document = _ask(config, lambda p: _shown(p, revision, is_whole=as_json))
    Screen(sys.stdout, as_json=as_json).answer(document, change_views.revision)


@revisions.command(short_help="Show what changed between two revisions.")
@click.argument("first", type=REVISION, required=False)
@click.argument("second", type=REVISION, required=False)
@config_option
@AS_JSON
def diff(first: int | None, second: int | None, config: Path, *, as_json: bool) -> None:
    """Show what changed from revision FIRST to SECOND.

    SECOND is by default the one in force, FIRST the last one that said something else.
    """
    document = _ask(config, lambda p: _compared(p, first, second))
    Screen(sys.stdout, as_json=as_json).answer(document, change_views.compared)


def _ask(config: Path, question: Callable[[Publishing], Awaitable[Document]]) -> Document:
    async def steps() -> Document:
        async with open_installation(load(config)) as found:
            return await question(Publishing(found, by=this_person()))

    return run(steps())


async def _listed(publishing: Publishing) -> Document:
    entries = await publishing.history()
    return {"revisions": [change_views.publication(entry) for entry in entries]}


async def _shown(publishing: Publishing, revision: int, *, is_whole: bool) -> Document:
    entry, document = await publishing.entry(revision), await publishing.document(revision)
    holds = {
        "tenants": len(document.tenants),
        "agents": len(document.agents),
        "capabilities": len(document.capabilities),
        "resource_servers": len(document.resource_servers),
        "policy_files": len(document.policies),
        "tests": len(document.tests),
    }
    said = {"bundle": msgspec.to_builtins(document)} if is_whole else {}
    return {**change_views.publication(entry), "holds": holds, **said}


async def _compared(publishing: Publishing, first: int | None, second: int | None) -> Document:
    to = second or (await publishing.standing()).revision
    since = first or await publishing.earlier(0)
    found = difference(await publishing.document(since), await publishing.document(to))
    return {"from": since, "to": to, "changes": change_views.changes(found)}
