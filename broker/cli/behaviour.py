"""`broker behaviour`: what was found odd in what agents do, and what would have been."""

import sys
from pathlib import Path
from typing import Any, Final

import click
from rich.console import RenderableType
from rich.text import Text

from broker.behaviour_replay import Replayed, replay
from broker.cli.desk import Desk, at_desk
from broker.cli.failure import CommandFailedError
from broker.cli.one import One
from broker.cli.screen import Document, Screen, fields, page, rows, stacked
from broker.cli.settings import load
from broker.clock import rfc3339
from broker.errors import InvalidRequestError
from broker.settings.behaviour import Behaviour

COLUMNS: Final = (
    "id",
    "found_at",
    "tenant",
    "agent",
    "detector",
    "count",
    "did",
    "acknowledged_by",
)
FIELDS: Final = (
    *("id", "detector", "action", "tenant", "agent", "found_at", "count", "limit", "what"),
    *("tasks", "evidence", "did", "done_at", "acknowledged_by", "acknowledged_at"),
    "acknowledged_reason",
)


@click.group(short_help="Look at what was found odd in what agents do.")
def behaviour() -> None:
    """Look at what was found odd in what agents do."""


@behaviour.command(name="list", short_help="List findings.")
@click.option("--tenant", cls=One, help="Only this tenant's.")
@click.option("--agent", cls=One, help="Only this agent's.")
@click.option("--detector", cls=One, help="Only this detector's: denial-burst, rate, …")
@click.option("--state", cls=One, help="Only those: open, acknowledged.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, **which: Any) -> None:  # noqa: ANN401 - the keywords of FindingCalls.find
    """List the findings of your tenants, the newest first."""
    desk.answer(lambda broker: broker.findings.find(**which), _listed)


@behaviour.command(short_help="Show a finding.")
@click.argument("finding")
@at_desk
def show(desk: Desk, /, finding: str) -> None:
    """Show a finding: what was odd, the events that say so, and what followed."""
    desk.answer(lambda broker: broker.findings.show(finding), _one)


@behaviour.command(short_help="Say that you have looked at a finding.")
@click.argument("finding")
@click.option("--reason", required=True, help="What came of it, for the record.")
@at_desk
def acknowledge(desk: Desk, /, finding: str, reason: str) -> None:
    """Say that you have looked at a finding. It thaws nothing: broker task thaw does."""
    desk.answer(lambda broker: broker.findings.acknowledge(finding, reason=reason), _one)


@behaviour.command(name="replay", short_help="Run the detectors over an audit trail.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="As this configuration sets them; else as they are by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def replay_file(file: Path, config: Path | None, *, as_json: bool) -> None:
    """Tell what the detectors would have found in FILE, an audit trail, from its beginning on.

    It changes nothing. Change a threshold in the configuration, and see what it would have cost.
    """
    rules = (load(config).behaviour if config else Behaviour()).rules
    try:
        with file.open("rb") as lines:
            done = replay(lines, rules)
    except InvalidRequestError as error:
        raise CommandFailedError(f"{file}: {error}") from error
    except OSError as error:
        raise CommandFailedError(f"{file}: {error.strerror}: it was not read to its end") from error
    Screen(sys.stdout, as_json=as_json).answer(_document(done), _replayed)


def _document(done: Replayed) -> Document:
    return {
        "events": done.events,
        "sightings": done.sightings,
        "counts": dict(done.counts),
        "findings": [
            {
                "found_at": rfc3339(each.at_ms),
                "tenant": each.tenant,
                "agent": each.agent,
                "detector": each.detector,
                "action": each.action,
                "count": each.count,
                "limit": each.limit,
                "what": each.what,
                "tasks": each.tasks,
                "evidence": each.evidence,
            }
            for each in done.findings
        ],
    }


def _listed(document: Document) -> RenderableType:
    return page(rows(document["findings"], COLUMNS, empty="Nothing odd was found."), document)


def _one(document: Document) -> RenderableType:
    return fields(document, FIELDS)


def _replayed(document: Document) -> RenderableType:
    columns = ("found_at", "tenant", "agent", "detector", "action", "count", "limit", "what")
    table = rows(document["findings"], columns, empty="Nothing odd would have been found.")
    said = f"{document['events']} events, {document['sightings']} of them say something of an agent"
    return stacked(table, Text(said))
