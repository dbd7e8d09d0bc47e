"""A broker dies at every step of an answer: it stands, and takes place once, by whoever lives."""

import asyncio
import sys

import pytest

from broker.facts.change import ChangeSet, PutThing
from broker.facts_copy import FactsCopy
from broker.faultpoints import FaultPoints
from broker.ids import ReviewId
from broker.model.fact import Thing, ThingKind
from broker.reviews.packets import Header, digest_of, encode, entry_of
from broker.reviews.rights import Rights
from broker.reviews.trails import Evidence
from broker.reviews.usage import Usage
from broker.store.connect import connect
from broker.store.due_queue import Work
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.review_ledger import NewReview
from tests.chaos.facts_process import BUCKETS, changes_of
from tests.chaos.review_cases import POINTS
from tests.chaos.review_process import effects_of
from tests.fakes.facts_kit import BASE
from tests.fakes.redis_servers import SingleServer

BOT = Thing(
    kind=ThingKind.AGENT,
    tenant="acme",
    name="desk-bot",
    status="active",
    owner="person:erin",
    purpose="answers",
)
ERIN = Thing(kind=ThingKind.PERSON, tenant="acme", name="erin", status="active")
NEXT = "2099-12-31"


async def begin(ledger: Ledger) -> tuple[ReviewId, str]:
    """Put an agent before its owner."""
    change = ChangeSet("operator:alice", "a test", (PutThing(ERIN), PutThing(BOT)))
    await changes_of(ledger, FaultPoints()).apply(change)
    said = {"reason": "a test", "by": "olga", "since": "", "until": "", "bundle_digest": ""}
    head = encode(
        Header(
            tenant="acme",
            owner="person:erin",
            registered=True,
            due="2099-06-30",
            next_review=NEXT,
            evidence=Evidence(("the ledger",)),
            bundle=1,
            facts=1,
            agents=1,
            **said,
        )
    )
    entry = encode(entry_of(BOT, Rights(), Usage(), {}, {}))
    review, digest = ledger.reviews.new_id(), digest_of(head, [entry])
    entries, due_ms = {"desk-bot": entry}, 4_086_000_000_000
    new = NewReview(review, "acme", "person:erin", due_ms, head, digest, entries, {})
    assert await ledger.reviews.start(new)
    assert not await ledger.reviews.start(new)
    return review, digest


async def run_process(
    single: SingleServer, point: str, review: str, digest: str
) -> tuple[int, str]:
    """Let a process answer; return how it ended and what it was told."""
    command = ("-m", "tests.chaos.review_process", single.path, point, review, digest)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode().strip()


@pytest.mark.parametrize("is_asked_again", [True, False], ids=["asked again", "found due"])
@pytest.mark.parametrize("point", sorted(POINTS))
async def test_an_answer_takes_place_once_whenever_its_broker_dies(
    single: SingleServer, point: str, *, is_asked_again: bool
) -> None:
    """Whether whoever gave it asks again, or another broker finds it due."""
    link = await connect(single.settings)
    ledger = Ledger.over(link, namespace="jit", buckets=BUCKETS, limits=Limits())
    review, digest = await begin(ledger)
    assert (await run_process(single, point, review, digest))[0] == -9

    if is_asked_again:
        assert await run_process(single, "", review, digest) == (0, "done")
    else:
        effects = effects_of(ledger, FaultPoints())
        due = await ledger.due.claim(0, limit=10, hide_ms=1_000)
        for work in [each for each in due if each.kind == "w"]:
            assert await effects.work(work) is None

    kept = (await ledger.reviews.answers(review, ["desk-bot"]))["desk-bot"]
    assert kept.effect
    copy = FactsCopy(ledger.facts, ledger.snapshots)
    await copy.follow()
    agent = copy.facts.over(BASE).agent("desk-bot")
    assert agent is not None
    assert (agent.review_by, copy.facts.revision) == (NEXT, 2)
    left = await ledger.due.claim(0, limit=10, hide_ms=1, by_age=True)
    assert [each for each in left if _is_of_answer(each)] == []
    await link.close()


def _is_of_answer(work: Work) -> bool:
    return work.kind == "w" and ":" in work.subject
