"""A replay: exactly the answers that a candidate would give otherwise, and since when it looked."""

from pathlib import Path

import pytest

from broker.clock import SystemClock
from broker.errors import AccessDeniedError
from broker.model.capability import Ceiling
from broker.model.requests import IssueCredential
from broker.model.task import Task, TaskState
from broker.replaying import Replay, Replayed
from broker.store import decision_log
from broker.store import recorded as recorded_module
from broker.store.link import Link
from tests.fakes.candidates import Candidate
from tests.fakes.redis_servers import SingleServer
from tests.fakes.verbs_kit import BUCKETS, HOUR_MS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

CEILING = (Ceiling("orders-api", frozenset({"orders:read", "orders:write"})),)

FREEZE = '@id("freeze")\nforbid (principal, action, resource);\n'

FREE = """
@id("free")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant };
"""


def changes(server: SingleServer) -> str:
    """Return how many changes the server has made."""
    lines = str(server.ask("INFO", "persistence")).splitlines()
    return next(line for line in lines if line.startswith("rdb_changes_since_last_save:"))


class Past:
    """What was asked for, and a candidate to ask it again."""

    def __init__(self, link: Link, folder: Path) -> None:
        self.kit = VerbsKit(link)
        self.candidate = Candidate(folder)

    async def issue(self, task: Task, *scopes: str) -> str:
        """Have a credential."""
        request = IssueCredential("orders-api", frozenset(scopes), 60_000)
        issued = await self.kit.verbs.issuance.issue(self.kit.agent, task.spec.id, request, "")
        return issued.lease.spec.id

    async def refused(self, task: Task, *scopes: str) -> str:
        """Be refused one."""
        with pytest.raises(AccessDeniedError) as refused:
            await self.issue(task, *scopes)
        return refused.value.decision_id or ""

    async def replay(self, since_ms: int = 0, kept_since_ms: int = 0) -> Replayed:
        """Ask everything again."""
        recorded = self.kit.ledger.recorded
        heard: list[tuple[int, int]] = []
        replay = Replay(recorded, self.candidate.published())
        found = await replay.run(since_ms, kept_since_ms, lambda *done: heard.append(done))
        assert heard == [(number + 1, BUCKETS) for number in range(BUCKETS)]
        return found


@pytest.fixture
def past(link: Link, tmp_path: Path) -> Past:
    """Nothing yet."""
    return Past(link, tmp_path)


async def test_what_changes_nothing_turns_nothing(past: Past) -> None:
    """Granted and refused requests are asked again, and answered as they were."""
    task = await past.kit.open(ceiling=CEILING)
    await past.issue(task, "orders:read")
    await past.refused(task, "orders:write")

    found = await past.replay()

    assert (found.granted, found.refused, found.turned) == (1, 1, [])


async def test_what_was_granted_and_would_be_refused_is_named_with_why(past: Past) -> None:
    """Also when the credential has ended, as long as it is known."""
    task = await past.kit.open(ceiling=CEILING)
    ended = await past.issue(task, "orders:read")
    await past.kit.verbs.tasks.close(past.kit.agent, task.spec.id, TaskState.COMPLETED, "")
    past.candidate.write("policies/50-test.cedar", FREEZE)

    found = await past.replay()

    (turned,) = found.turned
    assert (turned.id, turned.direction, turned.agent) == (ended, "now-refused", "invoice-bot")
    assert (turned.was, turned.now, turned.policies) == ("granted", "forbidden", ("freeze",))
    assert (found.now_refused, found.now_granted) == (1, 0)
    assert found.capabilities == {("orders-api", "now-refused"): 1}


async def test_what_was_refused_and_would_be_granted_is_named(past: Past) -> None:
    """By the id that the caller was told."""
    task = await past.kit.open(ceiling=CEILING)
    decision = await past.refused(task, "orders:write")
    past.candidate.write("policies/50-test.cedar", FREE)

    found = await past.replay()

    (turned,) = found.turned
    assert (turned.id, turned.direction, turned.was) == (decision, "now-granted", "no-permit")
    assert turned.policies == ("free",)
    assert found.agents == {("invoice-bot", "now-granted"): 1}


async def test_no_candidate_is_asked_what_no_policy_refused(past: Past) -> None:
    """A ceiling stays a ceiling; it is counted apart."""
    task = await past.kit.open(ceiling=(Ceiling("orders-api", frozenset({"orders:read"})),))
    await past.refused(task, "orders:write")
    past.candidate.write("policies/50-test.cedar", FREE)

    found = await past.replay()

    assert (found.beside, found.refused, found.turned) == (1, 0, [])


async def test_a_candidate_that_knows_the_agent_no_more_grants_it_nothing(past: Past) -> None:
    """Its registry decides before its policies do."""
    task = await past.kit.open(ceiling=CEILING)
    await past.refused(task, "orders:write")
    await past.issue(task, "orders:read")
    past.candidate.write("policies/50-test.cedar", FREE)
    past.candidate.agent("invoice-bot", status="suspended")

    found = await past.replay()

    assert [(each.direction, each.now) for each in found.turned] == [("now-refused", "suspended")]


async def test_what_was_asked_before_is_left_out_and_the_answer_says_so(past: Past) -> None:
    """It covers what it was asked for, and no more than what is kept."""
    task = await past.kit.open(ceiling=CEILING)
    await past.issue(task, "orders:read")
    await past.refused(task, "orders:write")
    later_ms = SystemClock().now_ms() + HOUR_MS

    found = await past.replay(since_ms=0, kept_since_ms=later_ms)

    assert (found.granted, found.refused) == (0, 0)
    assert (found.granted_since_ms, found.refused_since_ms) == (later_ms, later_ms)


async def test_refusals_that_made_room_for_newer_ones_shorten_what_is_covered(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes the part that is left for the whole."""
    for module in (decision_log, recorded_module):
        monkeypatch.setattr(module, "LISTED", 3)
    task = await past.kit.open(ceiling=CEILING)
    before_ms = SystemClock().now_ms()
    for _ in range(5):
        await past.refused(task, "orders:write")

    found = await past.replay()

    assert found.refused == 3
    assert found.granted_since_ms == 0
    assert found.refused_since_ms >= before_ms


async def test_it_writes_nothing_and_passes_over_what_it_cannot_read(
    past: Past, single: SingleServer
) -> None:
    """A damaged record is nobody's request; all others are asked again."""
    task = await past.kit.open(ceiling=CEILING)
    lease = await past.issue(task, "orders:read")
    kept = await past.issue(task, "orders:read")
    decision = await past.refused(task, "orders:write")
    bucket = past.kit.ledger.keys.of(lease)
    single.ask("HSET", bucket.lease(lease), "spec", "{")
    single.ask("SET", past.kit.ledger.keys.of(decision).decision(decision), "{")
    past.candidate.write("policies/50-test.cedar", FREEZE)
    before = changes(single)

    found = await past.replay()

    assert [each.id for each in found.turned] == [kept]
    assert found.refused == 0
    assert changes(single) == before
