"""`broker review start`: a packet for each owner, beside the ledger."""

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from broker.cli import review_views
from broker.cli.failure import CommandFailedError
from broker.cli.interrupts import run
from broker.cli.one import One
from broker.cli.person import this_person
from broker.cli.progress import Teller, telling
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option, load
from broker.cli.types import SPAN
from broker.clock import SystemClock, rfc3339
from broker.installation import open_installation
from broker.review_desk import ReviewDesk, Started, Wish
from broker.settings.settings import Settings
from broker.text import parse_reason

_DUE_DAYS: Final = 30
_NEXT_DAYS: Final = 90


@click.command(short_help="Put a tenant's agents before their owners.")
@click.option("--tenant", cls=One, required=True, help="Whose agents.")
@click.option("--owner", "owners", multiple=True, help="Only this owner's; may be said again.")
@click.option("--due", cls=One, help="The last day (UTC) for answers. Default: in 30 days.")
@click.option(
    "--next",
    "next_review",
    cls=One,
    help="Until when what is kept is in order. Default: 90 days after that.",
)
@click.option(
    *("--trail", "trails"),
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An audit trail, or a part of one (.gz too), oldest first; may be said again. "
    "Without any: what the ledger still knows.",
)
@click.option("--since", "span", type=SPAN, default="90d", show_default=True, help="How far back.")
@click.option("--reason", default="review", show_default=True, help="Why, for the audit trail.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def start(config: Path, *, as_json: bool, **given: object) -> None:
    """Make a packet for each owner of the tenant's agents: what each was granted, used, denied.

    A packet takes the place of an unanswered one of the same owner. Whoever is not answered about
    on the due day gets nothing any more until somebody answers. Trails are read as a stream and
    held to their chain; what breaks it is said here and in the packet.
    """
    settings, wish = load(config), _wish(given)
    try:
        with telling(sys.stderr, as_json=as_json) as teller:
            started = run(_start(settings, wish, teller))
    except OSError as error:
        raise CommandFailedError(f"{error.filename}: {error.strerror}") from error
    Screen(sys.stdout, as_json=as_json).answer(_told(started), review_views.started)


async def _start(settings: Settings, wish: Wish, teller: Teller) -> list[Started]:
    async with open_installation(settings) as found:
        return await ReviewDesk(found, SystemClock(), teller.tell).start(wish)


def _wish(given: dict[str, object]) -> Wish:
    now_ms = SystemClock().now_ms()
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    due = _day(given["due"], today + timedelta(days=_DUE_DAYS), "--due")
    following = _day(given["next_review"], due + timedelta(days=_NEXT_DAYS), "--next")
    if due < today or following < due:
        raise click.UsageError("--due is today or later, --next not before it")
    span, trails, owners = given["span"], given["trails"], given["owners"]
    return Wish(
        tenant=str(given["tenant"]),
        owners=tuple(owners) if isinstance(owners, tuple) else (),
        due=due.isoformat(),
        next_review=following.isoformat(),
        reason=parse_reason(str(given["reason"])),
        since=rfc3339(now_ms - int(str(span)) * 1000),
        trails=tuple(trails) if isinstance(trails, tuple) else (),
        by=this_person(),
    )


def _day(given: object, otherwise: date, option: str) -> date:
    if not given:
        return otherwise
    try:
        return date.fromisoformat(str(given))
    except ValueError as error:
        raise click.UsageError(f"{option}: write a day as 2027-12-31") from error


def _told(started: list[Started]) -> Document:
    evidence = started[0].header.evidence if started else None
    return {
        "reviews": [
            {
                "id": each.id,
                "owner": each.header.owner,
                "registered": each.header.registered,
                "agents": each.header.agents,
                "due": each.header.due,
                "packet": each.digest,
            }
            for each in started
        ],
        "evidence": {
            "files": [] if evidence is None else list(evidence.files),
            "records": 0 if evidence is None else evidence.records,
            "verified": evidence is None or evidence.verified,
            "faults": [] if evidence is None else list(evidence.faults),
        },
    }
