"""Long polls: they end when something changes, when time is up, and when anybody leaves."""

import asyncio
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from broker.errors import NotFoundError
from broker.http.limits import Limits
from broker.http.routes import WAITERS
from broker.http.server import HttpServer
from broker.model.receipt import ReceiptState, ReportPage
from broker.model.task import TaskState
from tests.fakes.replace import replace
from tests.fakes.samples import REVOCATION, TASK, a_receipt, a_task
from tests.fakes.services import Stage
from tests.fakes.until import until
from tests.http.conftest import Dial
from tests.http.shown import AGENT, OPERATOR

SHOW = f"/v1/tasks/{TASK}"
REPORT = f"{SHOW}/report"
PENDING = ReportPage((a_receipt(),), {ReceiptState.PENDING: 1}, "")
OPEN_ORDER = ReportPage((a_receipt(),), {ReceiptState.ACCEPTED: 1}, "")
CLOSED = replace(a_task(), state=TaskState.COMPLETED, is_alive=False)


@pytest.fixture
def limits() -> Limits:
    """Few places."""
    return Limits(max_waiters=3, max_waiters_per_caller=2, drain_seconds=5.0)


async def ask(client: ClientSession, path: str, headers: dict[str, str]) -> tuple[int, Any, str]:
    """Ask, and return status, body and tag."""
    async with client.get(path, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None), answer.headers.get("ETag", "")


def waiting(server: HttpServer) -> int:
    """Count who waits."""
    return server.app[WAITERS].count


NEWS: Final = {
    SHOW: ("tasks.show", CLOSED),
    REPORT: ("reports.of_task", PENDING),
    f"/v1/revocations/{REVOCATION}/report": ("reports.of_revocation", PENDING),
}


@pytest.mark.parametrize("path", NEWS)
async def test_it_answers_as_soon_as_something_has_changed(
    client: ClientSession, server: HttpServer, stage: Stage, path: str
) -> None:
    """With what is there then."""
    verb, changed = NEWS[path]
    stage.answers["reports.of_revocation"] = OPEN_ORDER
    _, before, tag = await ask(client, path, OPERATOR)
    asked = asyncio.create_task(ask(client, f"{path}?wait=30", OPERATOR))
    await until(lambda: waiting(server) == 1)

    stage.answers[verb] = changed

    status, after, new_tag = await asked
    assert status == 200
    assert after != before
    assert new_tag != tag
    assert waiting(server) == 0


async def test_a_report_that_is_narrowed_to_a_state_is_never_final(
    client: ClientSession, server: HttpServer, stage: Stage
) -> None:
    """What is left out may still come to that state."""
    stage.answers["tasks.show"] = CLOSED
    stage.answers["reports.of_task"] = ReportPage((), {}, "")
    asked = asyncio.create_task(ask(client, f"{REPORT}?wait=30&state=pending", OPERATOR))
    await until(lambda: waiting(server) == 1)

    stage.answers["reports.of_task"] = PENDING

    status, shown, _ = await asked
    assert (status, shown["counts"]) == (200, {"pending": 1})


async def test_a_heartbeat_is_no_change(client: ClientSession, stage: Stage) -> None:
    """Or nobody would ever wait on a task that is alive."""
    _, _, tag = await ask(client, SHOW, AGENT)
    stage.answers["tasks.show"] = replace(a_task(), agent_seen_ms=a_task().agent_seen_ms + 5_000)

    status, shown, same = await ask(client, f"{SHOW}?wait=1", AGENT)

    assert (status, same) == (200, tag)
    assert shown["agent_seen_at"] == "2027-01-15T08:00:06.500Z"


async def test_time_that_is_up_is_no_failure(client: ClientSession, stage: Stage) -> None:
    """The same is shown once more."""
    status, shown, _ = await ask(client, f"{SHOW}?wait=1", AGENT)

    assert (status, shown["state"]) == (200, "open")
    assert len(stage.calls) >= 2


async def test_what_happened_between_two_polls_is_not_missed(
    client: ClientSession, stage: Stage
) -> None:
    """Whoever says what it knows gets the difference at once."""
    _, _, tag = await ask(client, SHOW, AGENT)
    stage.answers["tasks.show"] = CLOSED
    stage.calls.clear()

    status, shown, _ = await ask(client, f"{SHOW}?wait=30", AGENT | {"If-None-Match": tag})

    assert (status, shown["state"], len(stage.calls)) == (200, "completed", 1)


async def test_a_report_that_cannot_change_is_answered_at_once(
    client: ClientSession, stage: Stage
) -> None:
    """The task is over, every receipt is final, and there is no further page."""
    stage.answers["tasks.show"] = CLOSED
    stage.answers["reports.of_task"] = ReportPage((a_receipt(),), {ReceiptState.CONFIRMED: 1}, "")

    status, shown, _ = await ask(client, f"{REPORT}?wait=30", AGENT)

    assert (status, shown["next"]) == (200, None)
    assert len(stage.calls) == 2


async def test_a_task_that_has_ended_is_answered_at_once(
    client: ClientSession, stage: Stage
) -> None:
    """Itself, and its report, although it never had a credential."""
    stage.answers["tasks.show"] = CLOSED
    stage.answers["reports.of_task"] = ReportPage((), {}, "")

    status, shown, _ = await ask(client, f"{SHOW}?wait=30", AGENT)
    assert (status, shown["state"], len(stage.calls)) == (200, "completed", 1)
    status, shown, _ = await ask(client, f"{REPORT}?wait=30", AGENT)
    assert (status, shown["counts"], len(stage.calls)) == (200, {}, 3)


async def test_places_to_wait_are_few_and_fewer_for_one(
    client: ClientSession, server: HttpServer, stage: Stage
) -> None:
    """Whoever has none is told to come back; what does not wait needs none."""
    asked = [asyncio.create_task(ask(client, f"{SHOW}?wait=30", AGENT)) for _ in range(2)]
    await until(lambda: waiting(server) == 2)

    assert (await ask(client, f"{SHOW}?wait=30", AGENT))[0] == 429
    assert (await ask(client, SHOW, AGENT))[0] == 200
    asked.append(asyncio.create_task(ask(client, f"{SHOW}?wait=30", OPERATOR)))
    await until(lambda: waiting(server) == 3)
    assert (await ask(client, f"{SHOW}?wait=30", OPERATOR))[0] == 429

    stage.answers["tasks.show"] = CLOSED
    assert {(await each)[0] for each in asked} == {200}
    await until(lambda: waiting(server) == 0)


async def test_whoever_goes_gives_its_place_back(dial: Dial, server: HttpServer) -> None:
    """However it goes."""
    wire = await dial()
    head = f"GET {SHOW}?wait=30 HTTP/1.1\r\nHost: b\r\n"
    await wire.send(f"{head}Authorization: Bearer token-of-agent\r\n\r\n".encode())
    await until(lambda: waiting(server) == 1)

    await wire.close()

    await until(lambda: waiting(server) == 0)


async def test_a_broker_that_stops_lets_everybody_go(
    client: ClientSession, server: HttpServer
) -> None:
    """With an answer, and long before their time is up."""
    asked = asyncio.create_task(ask(client, f"{SHOW}?wait=30", AGENT))
    await until(lambda: waiting(server) == 1)

    await server.stop()

    assert (await asked)[0] == 200


async def test_what_ends_meanwhile_ends_the_waiting(
    client: ClientSession, server: HttpServer, stage: Stage
) -> None:
    """A failure while looking is answered like any other."""
    asked = asyncio.create_task(ask(client, f"{SHOW}?wait=30", AGENT))
    await until(lambda: waiting(server) == 1)

    stage.errors["tasks.show"] = NotFoundError("forgotten")

    assert (await asked)[0] == 404
    assert waiting(server) == 0
