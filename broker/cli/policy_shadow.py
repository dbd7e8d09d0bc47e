"""`broker policy shadow`: a candidate that decides beside what is published, and has no say."""

import sys
from pathlib import Path

import click

from broker.cli import policy_views
from broker.cli.candidates import candidate as bundle_of
from broker.cli.failure import CommandFailedError
from broker.cli.interrupts import run
from broker.cli.person import this_person
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option, load
from broker.errors import NotFoundError
from broker.http import render_published
from broker.installation import open_installation
from broker.revisions import shadow_report
from broker.settings.settings import Settings
from broker.store.shadow_ledger import ShadowLedger
from broker.text import parse_reason

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.group(short_help="Let a candidate decide beside what is published.")
def shadow() -> None:
    """Let a candidate decide beside what is published.

    Every broker shows it what it decides, after it has answered. Only what it would have decided
    otherwise is counted, by agent, capability and direction.
    """


@shadow.command(short_help="Let a candidate decide.")
@click.argument("candidate")
@config_option
@click.option("--reason", default="", help="Why, for whoever reads the report.")
@AS_JSON
def start(candidate: str, config: Path, *, reason: str, as_json: bool) -> None:
    """Let CANDIDATE decide beside what is published, in the place of another one.

    CANDIDATE is a folder with the bundle's files, or the number of a kept revision. It is checked
    as if it were published. Running brokers take it up within a second; what was counted before is
    forgotten.
    """
    told = run(_start(load(config), candidate, parse_reason(reason) if reason else ""))
    Screen(sys.stdout, as_json=as_json).answer(told, policy_views.shadow)


@shadow.command(short_help="Let no candidate decide any more.")
@config_option
@AS_JSON
def stop(config: Path, *, as_json: bool) -> None:
    """Let no candidate decide any more. What was counted can still be read."""
    told = run(_stop(load(config)))
    Screen(sys.stdout, as_json=as_json).answer(told, policy_views.shadow)


@shadow.command(short_help="Tell what the candidate would do.")
@config_option
@AS_JSON
def report(config: Path, *, as_json: bool) -> None:
    """Tell what the candidate would have decided otherwise, and how much it saw.

    `missed` were too many at once for it, `failed` it could not answer.
    """
    told = run(_report(load(config)))
    Screen(sys.stdout, as_json=as_json).answer(told, policy_views.shadow)


async def _start(settings: Settings, named: str, reason: str) -> Document:
    async with open_installation(settings) as found:
        bundle = await bundle_of(found, named, by=this_person())
        await found.ledger.shadow.start(
            found.ledger.ids.operation(),
            bundle.digest,
            bundle.to_bytes().decode(),
            by=this_person(),
            reason=reason,
        )
        return await _told(found.ledger.shadow)


async def _stop(settings: Settings) -> Document:
    async with open_installation(settings) as found:
        if not await found.ledger.shadow.stop():
            raise CommandFailedError("No candidate decides: broker policy shadow start CANDIDATE")
        return await _told(found.ledger.shadow)


async def _report(settings: Settings) -> Document:
    async with open_installation(settings) as found:
        return await _told(found.ledger.shadow)


async def _told(shadow: ShadowLedger) -> Document:
    try:
        return render_published.shadow(await shadow_report(shadow))
    except NotFoundError as error:
        words = "No candidate ever decided: broker policy shadow start CANDIDATE"
        raise CommandFailedError(words) from error
