"""What the verbs ask is Cedar itself, as long as Cedar runs in this process."""

import asyncio

import pytest

from broker.policy import decider as module
from broker.policy.decider import LocalDecider
from tests.fakes.policy import PERMIT_ALL, QUERY, by, engine

JUDGE = engine('@id("one") permit (principal == Agent::"invoice-bot", action, resource);')


async def test_it_answers_as_its_engine() -> None:
    """Permit, Deny and version are the engine's own."""
    decider = LocalDecider(JUDGE)

    for query in (QUERY, by("new-bot")):
        assert await decider.decide(query) == JUDGE.decide(query)
        assert await decider.explain(query) == JUDGE.explain(query)
    assert decider.version == JUDGE.version


def test_it_answers_without_a_pause() -> None:
    """No thread and no turn of the loop lie between the question and the answer."""
    asking = LocalDecider(JUDGE).decide(QUERY)

    with pytest.raises(StopIteration) as finished:
        asking.send(None)

    assert finished.value.value == JUDGE.decide(QUERY)


async def test_many_are_answered_in_their_order() -> None:
    """Each answer belongs to the question in its place, however many there are."""
    queries = [by(f"bot-{number}") if number % 3 else QUERY for number in range(module.AT_ONCE * 2)]

    decisions = await LocalDecider(JUDGE).decide_many([*queries, QUERY])

    assert decisions == [JUDGE.decide(query) for query in [*queries, QUERY]]
    assert await LocalDecider(JUDGE).decide_many([]) == []


async def test_many_questions_let_others_have_their_turn() -> None:
    """A long list does not hold up what else this process does."""
    turns = 0

    async def neighbour() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(neighbour())
    await LocalDecider(engine(PERMIT_ALL)).decide_many([QUERY] * (module.AT_ONCE * 4))
    beside.cancel()

    assert turns >= 3
