"""`broker review replay`: what was granted, decided again with the ceilings that would be left."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from broker.cli import policy_views
from broker.cli.interrupts import run
from broker.cli.policy_replay import told as told_of
from broker.cli.progress import Teller, telling
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option, load
from broker.cli.types import SPAN
from broker.clock import SystemClock
from broker.facts.base import Base
from broker.facts.change import ChangeSet, PutThing
from broker.facts.facts import Facts
from broker.governance.published import Published
from broker.ids import ReviewId, parse_review_id
from broker.installation import Installation, open_installation
from broker.replaying import Replay
from broker.review_desk import published_now
from broker.reviews.answers import Answer
from broker.reviews.packets import Entry
from broker.settings.settings import Settings


@click.command(short_help="Decide again with what would be left.")
@click.argument("review")
@click.option("--agent", "agents", multiple=True, help="Only this agent; may be said again.")
@click.option("--since", "span", type=SPAN, default="7d", show_default=True, help="How far back.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def replay(review: str, agents: tuple[str, ...], span: int, config: Path, *, as_json: bool) -> None:
    """Decide again what was asked for, as if every narrowing of REVIEW were in force.

    That is what was answered, and what is suggested where nobody has answered yet. It lists which
    past grants would be refused. Facts, policies and time are those of now; nothing is changed.
    """
    settings, name = load(config), parse_review_id(review)
    with telling(sys.stderr, as_json=as_json) as teller:
        told = run(_replay(settings, name, frozenset(agents), span, teller))
    Screen(sys.stdout, as_json=as_json).answer({"candidate": review, **told}, policy_views.replay)


async def _replay(
    settings: Settings, review: ReviewId, agents: frozenset[str], span: int, teller: Teller
) -> Document:
    async with open_installation(settings) as found:
        clock = SystemClock()
        published = await published_now(found, clock)
        ceilings = await _ceilings(found, review)
        wanted = {name: each for name, each in ceilings.items() if not agents or name in agents}
        now_ms = clock.now_ms()
        replayed = await Replay(found.ledger.recorded, narrowed(published, wanted)).run(
            now_ms - span * 1000,
            now_ms - settings.retention_seconds * 1000,
            lambda done, total: teller.tell("deciding again, buckets", done, total),
        )
    return {"digest": published.digest, **told_of(replayed)}


async def _ceilings(found: Installation, review: ReviewId) -> dict[str, tuple[str, ...]]:
    reviews = found.ledger.reviews
    kept, ceilings = await reviews.view(review), dict[str, tuple[str, ...]]()
    for number in range(len(kept.starts)):
        raw = await reviews.piece(kept, number)
        entries = [msgspec.json.decode(each, type=Entry) for each in raw]
        answers = await reviews.answers(review, [each.agent for each in entries])
        for entry in entries:
            answer = answers.get(entry.agent)
            left = entry.suggestion.ceiling
            if answer is not None:
                left = msgspec.json.decode(answer.answer, type=Answer).ceiling
            if left:
                ceilings[entry.agent] = left
    return ceilings


def narrowed(published: Published, ceilings: Mapping[str, tuple[str, ...]]) -> Published:
    """Return what is published, with these ceilings for these agents, whoever declares them."""
    facts = published.facts
    base = facts.base
    things = (
        msgspec.structs.replace(thing, ceiling=ceilings[thing.name])
        if ref in base.agents.values() and thing.name in ceilings
        else thing
        for ref, thing in base.things.items()
    )
    edges = (edge for each in base.above.values() for edge in each)
    changes = tuple(_changes(facts, ceilings))
    after = facts.changed(ChangeSet("a replay", "a replay", changes), facts.revision)
    return replace(published, facts=Facts(base=Base(things, edges, base.about))).with_facts(after)


def _changes(facts: Facts, ceilings: Mapping[str, tuple[str, ...]]) -> Iterator[PutThing]:
    for name, ceiling in ceilings.items():
        thing = facts.agent(name)
        if thing is not None and thing.ref not in facts.base.things:
            yield PutThing(msgspec.structs.replace(thing, ceiling=ceiling, hold=None))
