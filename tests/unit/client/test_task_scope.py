import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from broker.client.api import BrokerClient
from broker.client.api_errors import AccessRefusedError, ApiError, TaskEndedError
from broker.client.ending import END_ATTEMPTS
from broker.client.endpoint import open_session
from broker.client.errors import BrokerUnreachableError
from broker.client.results import Ceiling
from broker.client.task_scope import TaskScope
from tests.fakes import answers, broker_server
from tests.fakes.broker_server import BrokerServer

OPEN = "POST /v1/tasks"
BEAT = f"POST /v1/tasks/{answers.TASK}/heartbeat"
COMPLETE = f"POST /v1/tasks/{answers.TASK}/complete"
FAIL = f"POST /v1/tasks/{answers.TASK}/fail"
CANCEL = f"POST /v1/tasks/{answers.TASK}/cancel"
ISSUE = f"POST /v1/tasks/{answers.TASK}/credentials"
ENDINGS = (COMPLETE, FAIL, CANCEL)


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """Return a broker that opens, beats, issues and ends, until a test lays something else."""
    async with broker_server.running(BrokerServer()) as server:
        yield server


@pytest.fixture
async def client(broker: BrokerServer) -> AsyncIterator[BrokerClient]:
    """Return a client of it."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        yield BrokerClient(broker.url, token, session, timeout_seconds=2)


def ended_as(state: str) -> dict[str, object]:
    """Return the report of a task that has ended like this."""
    return answers.report(task=answers.task(state=state, alive=False, closed_by="operator:eve"))


def lay(broker: BrokerServer, *routes: str, idle_seconds: float = 30) -> None:
    """Lay good answers ready."""
    for route in routes or (OPEN, BEAT, COMPLETE, FAIL, CANCEL, ISSUE):
        good = {OPEN: answers.task(idle_timeout_seconds=idle_seconds), BEAT: answers.task()}
        good |= {ISSUE: answers.issued(), FAIL: ended_as("failed"), CANCEL: ended_as("cancelled")}
        broker.answer(route, good.get(route, answers.report()))


def scope(client: BrokerClient) -> TaskScope:
    """Return a task that has not been opened."""
    ceiling = [Ceiling("orders-api", ("orders:read",))]
    return client.task(name="n", agent="a", tenant="acme", ceiling=ceiling, ttl_seconds=60)


def ended(broker: BrokerServer) -> list[str]:
    """Return how the task was ended, once per request that said so."""
    return [seen.path.rpartition("/")[2] for route in ENDINGS for seen in broker.requests(route)]


async def until_seen(broker: BrokerServer, route: str, count: int = 1) -> None:
    """Wait until so many requests came for a route."""
    while len(broker.requests(route)) < count:  # noqa: ASYNC110  the fake knows no events
        await asyncio.sleep(0.001)


async def test_success_completes_the_task(broker: BrokerServer, client: BrokerClient) -> None:
    """The block has the open task, and afterwards the report."""
    lay(broker)

    async with scope(client) as task:
        credential = await task.issue("orders-api", scopes=("orders:read",), ttl_seconds=9)

    assert (task.id, credential.access_token.reveal()) == (answers.TASK, "canary-token")
    assert ended(broker) == ["complete"]
    assert task.report is not None
    assert task.report.receipts[0].state == "confirmed"


async def test_an_exception_fails_the_task_and_goes_on(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """The caller sees its own exception; the broker hears of the class, not of the text."""
    lay(broker)

    with pytest.raises(ZeroDivisionError):
        async with scope(client):
            raise ZeroDivisionError("canary")

    assert ended(broker) == ["fail"]
    assert broker.requests(FAIL)[0].json == {"reason": "ZeroDivisionError"}


async def test_cancellation_cancels_the_task_and_goes_on(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """A job that is told to stop takes its credentials with it."""
    lay(broker)

    async def work() -> None:
        async with scope(client):
            await asyncio.Event().wait()

    job = asyncio.create_task(work())
    await until_seen(broker, OPEN)
    await asyncio.sleep(0.01)
    job.cancel()

    with pytest.raises(asyncio.CancelledError):
        await job
    assert ended(broker) == ["cancel"]


async def test_cancellation_while_opening_waits_and_cancels_what_was_opened(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """The request is on its way: the task exists, and nobody else would end it."""
    released = broker.hang(OPEN)
    lay(broker)
    job = asyncio.create_task(scope(client).__aenter__())
    await until_seen(broker, OPEN)

    job.cancel()
    await asyncio.sleep(0.01)
    assert not job.done()
    released.set()

    with pytest.raises(asyncio.CancelledError):
        await job
    assert ended(broker) == ["cancel"]


@pytest.mark.parametrize("times", [1, 3])
async def test_cancellation_while_ending_waits_until_the_broker_was_told(
    broker: BrokerServer, client: BrokerClient, times: int
) -> None:
    """However often it is cancelled, the end is reported once and the cancellation goes on."""
    released = broker.hang(COMPLETE)
    lay(broker)

    async def work() -> None:
        async with scope(client):
            pass

    job = asyncio.create_task(work())
    await until_seen(broker, COMPLETE)
    for _ in range(times):
        job.cancel()
        await asyncio.sleep(0.01)
    assert not job.done()
    released.set()

    with pytest.raises(asyncio.CancelledError):
        await job
    assert ended(broker) == ["complete"]


async def test_cancellation_at_any_moment_leaves_no_open_task(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """After any number of steps of the loop: what was opened was ended."""
    lay(broker)

    async def work() -> None:
        async with scope(client) as task:
            await task.issue("orders-api", scopes=("orders:read",))

    for steps in range(60):
        job = asyncio.create_task(work())
        for _ in range(steps):
            await asyncio.sleep(0)
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job

    assert len(ended(broker)) == len(broker.requests(OPEN))
    assert "cancel" in ended(broker)


async def test_a_refused_opening_ends_nothing(broker: BrokerServer, client: BrokerClient) -> None:
    """There is no task, so none is ended."""
    broker.problem(OPEN, 403, "access-denied")

    with pytest.raises(AccessRefusedError):
        async with scope(client):
            pytest.fail("the block must not run")

    assert ended(broker) == []


async def test_heartbeats_go_out_while_the_block_runs(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """Three per idle timeout, and none after the end."""
    lay(broker, idle_seconds=0.03)

    async with scope(client):
        await until_seen(broker, BEAT, 5)

    count = len(broker.requests(BEAT))
    await asyncio.sleep(0.05)
    assert len(broker.requests(BEAT)) == count


async def test_a_lost_heartbeat_does_not_stop_the_heart(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """The next beat is the repeat."""
    broker.vanish(BEAT)
    broker.answer(BEAT, status=503)
    broker.answer(BEAT, b"<html>")
    lay(broker, idle_seconds=0.03)

    async with scope(client) as task:
        await until_seen(broker, BEAT, 6)
        assert not task.was_ended.is_set()


@pytest.mark.parametrize("news", ["closed", "absent", "not alive"])
async def test_a_task_that_was_ended_by_another_says_so(
    broker: BrokerServer, client: BrokerClient, news: str
) -> None:
    """The block can stop working; no more beats are sent."""
    if news == "not alive":
        broker.answer(BEAT, answers.task(alive=False))
    else:
        code = {"closed": "task-closed", "absent": "not-found"}[news]
        broker.problem(BEAT, {"closed": 409, "absent": 404}[news], code)
    lay(broker, OPEN, COMPLETE, idle_seconds=0.003)

    async with scope(client) as task:
        await task.was_ended.wait()
        await asyncio.sleep(0.02)

    assert len(broker.requests(BEAT)) == 1


@pytest.mark.parametrize("fault", ["vanish", "503"])
async def test_an_end_that_was_not_heard_is_said_again(
    broker: BrokerServer, client: BrokerClient, fault: str
) -> None:
    """Losing one request must not leave credentials alive until the idle timeout."""
    for _ in range(END_ATTEMPTS - 1):
        broker.vanish(COMPLETE) if fault == "vanish" else broker.answer(COMPLETE, status=503)
    lay(broker)

    async with scope(client) as task:
        pass

    assert task.report is not None
    assert len(ended(broker)) == END_ATTEMPTS


async def test_an_end_that_was_heard_without_an_answer_is_an_end(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """The repeat hears that the task is closed already: that was us."""
    broker.vanish(COMPLETE)
    broker.problem(COMPLETE, 409, "task-closed")
    lay(broker, OPEN)

    async with scope(client):
        pass

    assert len(ended(broker)) == 2


async def test_a_task_that_had_ended_before_is_no_success(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """The first answer says that it was closed: by another hand, and the caller must know."""
    broker.problem(COMPLETE, 409, "task-closed")
    lay(broker, OPEN)

    with pytest.raises(TaskEndedError):
        async with scope(client):
            pass


async def test_success_that_cannot_be_reported_is_an_error(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """The task still counts as open: the caller must know."""
    broker.vanish(COMPLETE)
    lay(broker, OPEN)

    with pytest.raises(BrokerUnreachableError):
        async with scope(client):
            pass

    assert len(ended(broker)) == END_ATTEMPTS


async def test_a_failed_end_does_not_hide_what_the_block_raised(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """It is a note on the block's own exception."""
    broker.problem(FAIL, 400, "invalid-request")
    lay(broker, OPEN)

    with pytest.raises(ZeroDivisionError) as caught:
        async with scope(client):
            raise ZeroDivisionError

    assert len(broker.requests(FAIL)) == 1
    assert caught.value.__notes__ == [
        f"the task {answers.TASK} could not be ended: 400 invalid-request: "
    ]


async def test_no_task_of_the_loop_is_left(broker: BrokerServer, client: BrokerClient) -> None:
    """The heart stops with the block, on every way out."""
    lay(broker, idle_seconds=0.01)
    broker.problem(FAIL, 400, "invalid-request")
    before = asyncio.all_tasks()

    async with scope(client):
        await until_seen(broker, BEAT)
    with suppress(ZeroDivisionError, ApiError):
        async with scope(client):
            raise ZeroDivisionError

    left = asyncio.all_tasks() - before
    assert not any("broker/client" in repr(task) for task in left)
