"""Ends that orchestrators tell of, at the edge: the message vouches for itself."""

from aiohttp import ClientSession

from broker.model.task import TaskState
from broker.told_ends import End
from tests.fakes.samples import TASK
from tests.fakes.services import Stage

BODY = {"type": "task.failed", "data": {"task": TASK, "reason": "exit 1"}}


async def test_a_message_needs_no_token_and_is_vouched_for_by_its_bytes(
    client: ClientSession, stage: Stage
) -> None:
    """First whose it is, then what it says; the answer is the report."""
    sent = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    async with client.post("/v1/ends/ci", json=BODY, headers=sent) as answer:
        told = await answer.json()

    assert (answer.status, told["task"]["state"]) == (200, "failed")
    vouched, ended = stage.calls[:2]
    assert (vouched.verb, vouched.arguments[0]) == ("ends.vouch", sent)
    assert ended.arguments == ("msg_1", End(TASK, TaskState.FAILED, "exit 1"))


async def test_what_is_no_message_is_refused_after_it_was_vouched_for(
    client: ClientSession, stage: Stage
) -> None:
    """Nobody learns from a refusal what a message would have to look like."""
    async with client.post("/v1/ends/ci", json={"type": "x"}) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["field"]) == (400, "type")
    assert [each.verb for each in stage.calls] == ["ends.vouch"]
