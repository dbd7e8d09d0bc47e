"""The verbs of an agent that has a run's desk and nothing else."""

from collections.abc import AsyncIterator

import pytest

from broker.mcp.in_run import RunVerbs
from broker.running.desk import Desk
from broker.running.desk_client import DeskClient
from broker.running.desk_verbs import DeskVerbs
from broker.secret import Secret
from broker.tools.verbs import VerbRefusedError
from tests.fakes.agent_verbs import GIVEN, LONG, SEEN, TASK, ScriptedVerbs
from tests.fakes.desk import TOKEN, FakeDesk
from tests.fakes.held_values import Shelf


@pytest.fixture
def scripted() -> ScriptedVerbs:
    """What the run does."""
    return ScriptedVerbs()


@pytest.fixture
async def verbs(scripted: ScriptedVerbs) -> AsyncIterator[RunVerbs]:
    """The agent's side of it."""
    async with Desk(Shelf()) as desk:
        desk.offer(DeskVerbs(scripted))
        yield RunVerbs(DeskClient(desk.url, desk.token))


async def test_every_verb_says_what_the_run_has_said(
    verbs: RunVerbs, scripted: ScriptedVerbs
) -> None:
    """Member by member."""
    tool = {"name": "search", "origin": "https://tools.example"}

    assert await verbs.task() == TASK
    assert await verbs.ask("orders-api", ["orders:read"], 60, tool) == GIVEN
    assert await verbs.mine() == [SEEN]
    assert await verbs.renew("l_1") == GIVEN
    assert await verbs.give_up("l_1") == SEEN
    assert [each.told for each in await verbs.why_refused()] == [LONG]
    assert scripted.told[1] == ("ask", "orders-api", ["orders:read"], 60, tool)


async def test_a_refusal_is_the_runs_own_word(verbs: RunVerbs, scripted: ScriptedVerbs) -> None:
    """Nothing is cut off."""
    scripted.refuses = True

    with pytest.raises(VerbRefusedError) as told:
        await verbs.ask("orders-api", ["orders:read"])

    assert str(told.value) == LONG


async def test_what_was_given_is_given_back_and_nothing_twice(
    verbs: RunVerbs, scripted: ScriptedVerbs
) -> None:
    """Whatever the run says to that."""
    await verbs.ask("orders-api", ["orders:read"])
    await verbs.give_up_all()
    await verbs.give_up_all()
    await verbs.ask("orders-api", ["orders:read"])
    scripted.refuses = True
    await verbs.give_up_all()

    assert scripted.told.count(("give-up", "l_1")) == 2


async def test_a_run_that_has_ended_is_said() -> None:
    """In words that a model can read, with what to do."""
    async with Desk(Shelf()) as desk:
        verbs = RunVerbs(DeskClient(desk.url, desk.token))

    with pytest.raises(VerbRefusedError, match="does not answer") as told:
        await verbs.task()
    assert "broker run" in str(told.value)


async def test_what_answers_and_is_no_desk_is_believed_in_nothing() -> None:
    """It gives no place to use."""
    with FakeDesk() as desk:
        verbs = RunVerbs(DeskClient(desk.url, Secret(TOKEN)))

        with pytest.raises(VerbRefusedError, match=r"^Refused: the desk of this run"):
            await verbs.ask("orders-api", ["orders:read"])
