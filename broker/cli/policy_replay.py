"""`broker policy replay`: what was decided, decided again by a candidate."""

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from broker.cli import policy_views
from broker.cli.candidates import candidate
from broker.cli.interrupts import run
from broker.cli.person import this_person
from broker.cli.progress import Teller, telling
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option, load
from broker.cli.types import SPAN
from broker.clock import SystemClock, rfc3339
from broker.facts_copy import FactsCopy
from broker.governance.published import Published
from broker.installation import open_installation
from broker.replaying import Direction, Replay, Replayed
from broker.settings.settings import Settings


@click.command(short_help="Decide again what was decided.")
@click.argument("candidate")
@click.option("--since", "span", type=SPAN, default="7d", show_default=True, help="How far back.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def replay(candidate: str, span: int, config: Path, *, as_json: bool) -> None:
    """Decide again, by CANDIDATE, what was asked for, and list which answers would be others.

    CANDIDATE is a folder with the bundle's files, or the number of a kept revision. Granted are the
    credentials that the ledger still knows, each by its last request; refused what policy refused.
    Facts and time are those of now. The answer says since when it covers either. Nothing is
    published and nothing ends.
    """
    settings = load(config)
    with telling(sys.stderr, as_json=as_json) as teller:
        answer = run(_replay(settings, candidate, span, teller))
    Screen(sys.stdout, as_json=as_json).answer(answer, policy_views.replay)


async def _replay(settings: Settings, named: str, span: int, teller: Teller) -> Document:
    async with open_installation(settings) as found:
        bundle = await candidate(found, named, by=this_person())
        facts = FactsCopy(found.ledger.facts, found.ledger.snapshots)
        await facts.follow()
        clock = SystemClock()
        published = Published.of(bundle, revision=0, quotas=settings.quotas, clock=clock)
        recorded, now_ms = found.ledger.recorded, clock.now_ms()
        replayed = await Replay(recorded, published.with_facts(facts.facts)).run(
            now_ms - span * 1000,
            now_ms - settings.retention_seconds * 1000,
            lambda done, total: teller.tell("deciding again, buckets", done, total),
        )
    return {"candidate": named, "digest": bundle.digest, **told(replayed)}


def told(found: Replayed) -> Document:
    """Say what a replay found."""
    return {
        "covers": {
            "granted_since": rfc3339(found.granted_since_ms),
            "refused_since": rfc3339(found.refused_since_ms),
        },
        "asked_again": {"granted": found.granted, "refused": found.refused},
        "refused_by_no_policy": found.beside,
        "now_refused": found.now_refused,
        "now_granted": found.now_granted,
        "agents": _counted(found.agents),
        "capabilities": _counted(found.capabilities),
        "requests": [{**asdict(each), "at": rfc3339(each.at_ms)} for each in found.turned],
        "is_all_shown": len(found.turned) == found.now_refused + found.now_granted,
    }


def _counted(counts: Counter[tuple[str, Direction]]) -> list[Document]:
    return [
        {
            "name": name,
            "now_refused": counts[name, "now-refused"],
            "now_granted": counts[name, "now-granted"],
        }
        for name in sorted({name for name, _ in counts})
    ]
