import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.client.api import BrokerClient
from broker.client.endpoint import open_session
from broker.tools.places import FilePlaces
from broker.tools.verbs import AgentVerbs
from tests.fakes import answers, broker_server
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer

ISSUE = f"POST /v1/tasks/{answers.TASK}/credentials"
GIVE_BACK = f"DELETE /v1/credentials/{mint.LEASE}"


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """A broker that gives a credential and takes it back."""
    async with broker_server.running(BrokerServer()) as server:
        server.answer(GIVE_BACK, answers.credential(alive=False, state="ended"))
        yield server


@pytest.fixture
async def verbs(broker: BrokerServer, tmp_path: Path) -> AsyncIterator[AgentVerbs]:
    """The verbs of an agent of it."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        client = BrokerClient(broker.url, token, session, timeout_seconds=5)
        yield AgentVerbs(client, answers.TASK, FilePlaces(tmp_path))


def files_in(folder: Path) -> list[str]:
    """Return what stands there."""
    return [str(file) for file in folder.iterdir()]


async def test_what_an_agent_waits_for_no_more_is_given_back(
    broker: BrokerServer, verbs: AgentVerbs, tmp_path: Path
) -> None:
    """It was told of nothing that it could use; no file stays."""
    goes_on = broker.hang(ISSUE)
    broker.answer(ISSUE, answers.issued())
    asking = asyncio.create_task(verbs.ask("orders-api", ["orders:read"]))
    while not broker.requests(ISSUE):  # noqa: ASYNC110  the fake knows no events
        await asyncio.sleep(0.001)

    asking.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert len(broker.requests(GIVE_BACK)) == 1
    assert files_in(tmp_path) == []


async def test_what_was_given_is_given_back_at_the_end_whatever_the_broker_says(
    broker: BrokerServer, verbs: AgentVerbs, tmp_path: Path
) -> None:
    """Its file is gone in either case: what lives on dies with its task."""
    broker.answer(ISSUE, answers.issued())
    given = await verbs.ask("orders-api", ["orders:read"])
    there = files_in(tmp_path)
    broker.forget(GIVE_BACK)
    broker.problem(GIVE_BACK, 503, "store-unavailable")

    await verbs.give_up_all()

    assert there == [given.place.where]
    assert files_in(tmp_path) == []
