import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from broker.client.api import BrokerClient
from broker.client.api_errors import TaskEndedError
from broker.client.endpoint import open_session
from broker.client.errors import ClosedError, TaskLostError
from broker.client.results import Ceiling
from broker.client.task_scope import TaskScope
from broker.secret import Secret
from tests.fakes import answers, broker_server
from tests.fakes.broker_server import BrokerServer
from tests.fakes.until import until

OPEN = "POST /v1/tasks"
CLAIM = f"POST /v1/tasks/{answers.TASK}/claim"
BEAT = f"POST /v1/tasks/{answers.TASK}/heartbeat"
COMPLETE = f"POST /v1/tasks/{answers.TASK}/complete"
FAIL = f"POST /v1/tasks/{answers.TASK}/fail"
CANCEL = f"POST /v1/tasks/{answers.TASK}/cancel"
ISSUE = f"POST /v1/tasks/{answers.TASK}/credentials"


def ended_as(state: str) -> dict[str, object]:
    """Return the report of a task that has ended like this."""
    return answers.report(task=answers.task(state=state, alive=False, closed_by="operator:eve"))


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """Return a broker where somebody else has cancelled the task after it was opened."""
    async with broker_server.running(BrokerServer()) as server:
        server.answer(OPEN, answers.task(idle_timeout_seconds=0.03))
        server.answer(CLAIM, answers.task(idle_timeout_seconds=0.03))
        server.answer(BEAT, answers.task(alive=False, state="cancelled"))
        server.answer(ISSUE, answers.issued())
        for route in (COMPLETE, FAIL, CANCEL):
            server.answer(route, ended_as("cancelled"))
        yield server


@pytest.fixture
async def scope(broker: BrokerServer) -> AsyncIterator[Callable[..., TaskScope]]:
    """Make scopes of that task."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        client = BrokerClient(broker.url, token, session)
        ceiling = [Ceiling("orders-api", ("orders:read",))]

        def make(**options: bool) -> TaskScope:
            return client.task(
                name="n", agent="a", tenant="acme", ceiling=ceiling, ttl_seconds=60, **options
            )

        yield make


async def test_success_of_a_block_whose_task_was_cancelled_is_none(
    scope: Callable[..., TaskScope],
) -> None:
    """Ending twice is harmless to the broker; whose end it was matters to the caller."""
    with pytest.raises(TaskLostError, match="cancelled before, by operator:eve"):
        async with scope():
            pass


async def test_an_exception_of_the_block_is_seen_and_the_loss_is_a_note(
    scope: Callable[..., TaskScope],
) -> None:
    """What the block raised is never masked."""
    with pytest.raises(ZeroDivisionError) as caught:
        async with scope():
            raise ZeroDivisionError

    assert "cancelled before" in caught.value.__notes__[0]


async def test_the_block_can_ask_whether_to_go_on(scope: Callable[..., TaskScope]) -> None:
    """A loop that checks stops with a typed error."""

    async def work() -> None:
        async with scope() as task:
            task.ensure_open()
            await task.was_ended.wait()
            task.ensure_open()

    with pytest.raises(TaskLostError, match="somebody else"):
        await work()


async def test_a_refused_issue_is_news_of_the_end(
    broker: BrokerServer, scope: Callable[..., TaskScope]
) -> None:
    """No need to wait for the next beat."""
    broker._replies.pop(ISSUE)  # noqa: SLF001  laid again below
    broker.problem(ISSUE, 409, "task-closed")
    broker._replies.pop(BEAT)  # noqa: SLF001
    broker.answer(BEAT, answers.task())

    task = scope()

    async def work() -> None:
        async with task:
            await task.issue("orders-api", scopes=("orders:read",))

    with pytest.raises(TaskEndedError):
        await work()
    assert task.was_ended.is_set()


async def test_a_lost_task_cancels_its_block_when_asked_to(scope: Callable[..., TaskScope]) -> None:
    """The work stops where it waits; the caller sees why, not a bare cancellation."""
    with pytest.raises(TaskLostError):
        async with scope(cancel_when_lost=True):
            await asyncio.Event().wait()

    me = asyncio.current_task()
    assert me is not None
    assert me.cancelling() == 0
    await asyncio.sleep(0)  # nothing is left to be delivered


async def test_a_block_that_cleans_up_when_cancelled_keeps_its_own_error(
    scope: Callable[..., TaskScope],
) -> None:
    """An error on the way out is the block's own, not a cancellation."""

    async def work() -> None:
        async with scope(cancel_when_lost=True):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ZeroDivisionError from None

    with pytest.raises(ZeroDivisionError):
        await work()


async def test_a_cancellation_from_outside_stays_one(
    broker: BrokerServer, scope: Callable[..., TaskScope]
) -> None:
    """Who is cancelled by its owner is cancelled, lost task or not."""

    async def work() -> None:
        async with scope(cancel_when_lost=True) as task:
            try:
                await asyncio.Event().wait()
            finally:
                assert task.was_ended.is_set()
                job.cancel()

    job = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await job
    assert broker.requests(CANCEL)


async def test_a_credential_of_a_lost_task_is_not_handed_out(
    scope: Callable[..., TaskScope],
) -> None:
    """It is dead; using it would only make noise."""

    async def work() -> None:
        async with scope() as task:
            held = await task.credential("orders-api", scopes=("orders:read",))
            await task.was_ended.wait()
            with pytest.raises(ClosedError):
                await held.token()

    with pytest.raises(TaskLostError):
        await work()


async def test_a_claimed_task_is_ended_like_an_opened_one(broker: BrokerServer) -> None:
    """The handle goes into the one request; beats and the end follow."""

    async def token() -> str:
        return "workload"

    broker._replies.pop(COMPLETE)  # noqa: SLF001  laid again
    broker.answer(COMPLETE, ended_as("completed"))
    async with open_session() as session:
        client = BrokerClient(broker.url, token, session)
        async with client.claim(answers.TASK, Secret("handle")) as task:
            assert (
                task.opened.claim_handle is None if hasattr(task.opened, "claim_handle") else True
            )

    assert broker.requests(CLAIM)[0].json == {"handle": "handle"}
    assert len(broker.requests(COMPLETE)) == 1


async def test_a_storm_of_cancellations_ends_every_task_once(
    broker: BrokerServer, scope: Callable[..., TaskScope]
) -> None:
    """Fifty blocks, cancelled again and again at every moment: each task is ended, none twice."""
    broker._replies.pop(BEAT)  # noqa: SLF001
    broker.answer(BEAT, answers.task())

    async def work() -> None:
        async with scope():
            await asyncio.Event().wait()

    jobs = [asyncio.create_task(work()) for _ in range(50)]
    for step in range(200):
        await asyncio.sleep(0)
        jobs[step % 50].cancel()
    await until(lambda: bool([job.cancel() for job in jobs]) and all(job.done() for job in jobs))
    await asyncio.gather(*jobs, return_exceptions=True)

    assert all(job.cancelled() for job in jobs)
    assert len(broker.requests(CANCEL)) == len(broker.requests(OPEN))


async def test_a_task_that_is_over_already_is_not_worked_on(broker: BrokerServer) -> None:
    """The block does not begin, and nobody is told that it has ended."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        scope = BrokerClient(broker.url, token, session).resume(answers.TASK)
        with pytest.raises(TaskLostError, match="cancelled"):
            async with scope:
                pytest.fail("it must not begin")

    assert [seen.path.rpartition("/")[2] for seen in broker.seen] == ["heartbeat"]
