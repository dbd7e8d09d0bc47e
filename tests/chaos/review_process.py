"""A process that answers a review, and dies where it is told.

``python -m tests.chaos.review_process SOCKET POINT REVIEW DIGEST``: erin keeps an agent.
"""

import asyncio
import sys

from broker.clock import SystemClock
from broker.facts.facts import Facts
from broker.facts_copy import FactsCopy
from broker.faultpoints import FaultPoints
from broker.ids import parse_review_id
from broker.model.principal import Kind, Principal
from broker.review_effects import ReviewEffects
from broker.reviewing import NewAnswer, Reviewing
from broker.settings.store import StoreSettings
from broker.store.connect import connect
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from tests.chaos.facts_process import BUCKETS, changes_of
from tests.fakes.facts_kit import BASE

ERIN = Principal(
    kind=Kind.PERSON,
    name="erin",
    tenants=frozenset({"acme"}),
    instance="browser-1",
    issuer="https://people.example",
    subject="erin",
    expires_at_ms=0,
    evidence="ab" * 32,
)


def effects_of(ledger: Ledger, faults: FaultPoints) -> ReviewEffects:
    """Make what carries answers out."""
    copy = FactsCopy(ledger.facts, ledger.snapshots)

    async def newest() -> Facts:
        await copy.follow()
        return copy.facts.over(BASE)

    changes = changes_of(ledger, FaultPoints())
    return ReviewEffects(
        ledger.reviews, newest=newest, appends=changes, told=lambda: None, faults=faults
    )


async def reviewing_of(ledger: Ledger, faults: FaultPoints) -> Reviewing:
    """Make what takes answers, over the facts as they stand."""
    copy = FactsCopy(ledger.facts, ledger.snapshots)
    await copy.follow()

    def facts() -> Facts:
        return copy.facts.over(BASE)

    return Reviewing(
        ledger.reviews,
        facts=facts,
        effects=effects_of(ledger, faults),
        told=lambda: None,
        sign=lambda _: "",
        clock=SystemClock(),
        faults=faults,
    )


async def main(socket: str, point: str, review: str, digest: str) -> None:
    """Answer."""
    link = await connect(StoreSettings(url=f"unix://{socket}"))
    ledger = Ledger.over(link, namespace="jit", buckets=BUCKETS, limits=Limits())
    reviewing = await reviewing_of(ledger, FaultPoints(point))
    new = NewAnswer("desk-bot", digest, "keep", "does what it is for")
    told = await reviewing.answer(ERIN, parse_review_id(review), new)
    print(told.effect.state if told.effect else "under way")
    await link.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
