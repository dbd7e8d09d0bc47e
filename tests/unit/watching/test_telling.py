"""Ends are told until the broker has been told, and what is none of the watcher's is left."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.client.api import BrokerClient
from broker.client.backoff import Backoff
from broker.client.endpoint import open_session
from broker.watching.jobs import Work
from broker.watching.telling import Telling
from tests.fakes import answers
from tests.fakes.broker_server import BrokerServer, running

WORK = Work("u", "job payments/bill", answers.TASK, "complete")
COMPLETE = f"POST /v1/tasks/{answers.TASK}/complete"
ENDED = answers.report(task=answers.task(state="completed", alive=False, ended_by="done"))


class Stage:
    """A broker that answers as laid ready, and what the watcher says."""

    def __init__(self, server: BrokerServer, client: BrokerClient) -> None:
        self.server = server
        self.said: list[tuple[str, str]] = []
        self.telling = Telling(
            client.tasks, self.say, backoff=lambda: Backoff(first_seconds=0.001, cap_seconds=0.01)
        )

    def say(self, event: str, **about: str | int) -> None:
        """Take what is said."""
        self.said.append((event, str(about.get("task", ""))))

    async def until(self, event: str) -> None:
        """Wait until something was said."""
        async with asyncio.timeout(10):
            while event not in [each for each, _ in self.said]:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.005)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Set it."""

    async def token() -> str:
        return "workload"

    async with running(BrokerServer()) as server, open_session() as session:
        made = Stage(server, BrokerClient(server.url, token, session))
        yield made
        await made.telling.close()


async def test_an_end_is_told_until_the_broker_has_heard_it(stage: Stage) -> None:
    """Down, refusing, overloaded, vanishing: it is told again, with the same words."""
    for status, code in ((503, "store-unavailable"), (401, "unauthenticated"), (500, "internal")):
        stage.server.problem(COMPLETE, status, code, title="no")
    stage.server.vanish(COMPLETE)
    stage.server.answer(COMPLETE, ENDED)

    stage.telling.tell(WORK, "complete")
    await stage.until("ended")

    sent = stage.server.requests(COMPLETE)
    assert len(sent) >= 5
    assert [each.json for each in sent] == [{"reason": "kubernetes job payments/bill"}] * len(sent)
    assert stage.said[-1] == ("ended", answers.TASK)


async def test_what_is_no_task_of_the_watchers_is_said_once(stage: Stage) -> None:
    """Foreign and absent look the same, and nobody asks again."""
    stage.server.problem(COMPLETE, 404, "not-found", title="no such task")

    stage.telling.tell(WORK, "complete")
    await stage.until("not-ended")

    assert len(stage.server.requests(COMPLETE)) == 1


async def test_a_label_that_is_no_task_reaches_no_broker(stage: Stage) -> None:
    """A label is whatever somebody has written."""
    stage.telling.tell(Work("u", "job payments/bill", "../../x", "fail"), "fail")
    await stage.until("no-task")

    assert stage.server.seen == []
