"""Verbs wait for an answer that comes from elsewhere, and what happened meanwhile counts."""

import asyncio
from collections.abc import Sequence

import pytest

from broker.errors import AccessDeniedError, UnavailableError
from broker.gate import Hindrance
from broker.model.decision import Decision, Deny, Obligations, Permit, Trace
from broker.model.requests import IssueCredential
from broker.policy.engine import DenyReason
from broker.policy.explanation import Explanation
from broker.policy.query import Query
from broker.store.link import Link
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import VerbsKit

TRACE = Trace("elsewhere", 1)


class SlowDecider:
    """Answers when the test says so, and what it says."""

    version = "elsewhere"

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()

    async def decide(self, _query: Query) -> Decision:
        """Wait for the test."""
        self.asked.set()
        return await self.answer

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Wait for the test."""
        return [await self.decide(query) for query in queries]

    async def explain(self, query: Query) -> Explanation:
        """Nobody asks here."""
        raise AssertionError(f"asked to explain {query}")


class Asked:
    """A request for a credential that waits for its decision."""

    def __init__(self, link: Link) -> None:
        self.kit = VerbsKit(link)
        self.decider = SlowDecider()

    async def begin(self) -> asyncio.Task[str]:
        """Ask, and see that the question is out."""
        task = await self.kit.open()
        replica = self.kit.replica
        replica.published = replace(replica.published, deciding=lambda _: self.decider)
        asking = asyncio.create_task(self._ask(task.spec.id))
        await self.decider.asked.wait()
        return asking

    async def _ask(self, task: str) -> str:
        request = IssueCredential("orders-api", frozenset({"orders:read"}), 60_000)
        issued = await self.kit.verbs.issuance.issue(self.kit.agent, task, request, "")
        return issued.lease.spec.id


async def test_a_permit_that_came_late_permits(link: Link) -> None:
    """The verb waits, and goes on from there."""
    asked = Asked(link)
    asking = await asked.begin()

    asked.decider.answer.set_result(Permit(Obligations(), TRACE))

    assert await asking


async def test_nothing_is_given_when_the_gate_closed_meanwhile(link: Link) -> None:
    """What was true when the question was put is not true when it is answered (I5)."""
    asked = Asked(link)
    asking = await asked.begin()

    asked.kit.gate.report("policy", Hindrance("revoke-only", "wait"))
    asked.decider.answer.set_result(Permit(Obligations(), TRACE))

    with pytest.raises(UnavailableError):
        await asking


async def test_a_failing_engine_refuses_and_leaves_why(link: Link) -> None:
    """The caller learns an id, operators learn what the engine did."""
    asked = Asked(link)
    asking = await asked.begin()

    why = replace(TRACE, errors=("no answer within 500 ms",))
    asked.decider.answer.set_result(Deny(DenyReason.ENGINE_ERROR, why))

    with pytest.raises(AccessDeniedError) as refused:
        await asking
    assert refused.value.decision_id is not None
    told = await asked.kit.ledger.decisions.find(refused.value.decision_id)
    assert told["reason"] == "engine-error"
    assert told["trace"]["errors"] == ["no answer within 500 ms"]
