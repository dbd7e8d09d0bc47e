"""Jobs are followed through everything that an API server does, and each end is told once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from broker.client.backoff import Backoff
from broker.watching.api_server import Address, ApiServer
from broker.watching.following import Following
from broker.watching.jobs import Kind, Outcome, Work
from tests.fakes.cluster import TOKEN, Cluster, job

A, B, C = (f"t_00_{letter * 26}" for letter in "abc")


class Told:
    """What was told, and what was said besides."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, Outcome]] = []
        self.said: list[str] = []

    def tell(self, work: Work, outcome: Outcome) -> None:
        """Take an end."""
        self.ends.append((work.task, outcome))

    def say(self, event: str, **_: str | int) -> None:
        """Take what is said."""
        self.said.append(event)

    async def until(self, *ends: tuple[str, Outcome]) -> None:
        """Wait until exactly these were told."""
        async with asyncio.timeout(10):
            while sorted(self.ends) != sorted(ends):  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.005)

    async def heard(self, event: str, times: int = 1) -> None:
        """Wait until something was said."""
        async with asyncio.timeout(10):
            while self.said.count(event) < times:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.005)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster with two jobs that run, and one that was complete before anybody looked."""
    made = Cluster()
    await made.start()
    made.put(job("a", A))
    made.put(job("b", B))
    made.put(job("c", C, ended="Complete"))
    yield made
    await made.stop()


@pytest.fixture
async def told(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Told]:
    """What a watcher of that cluster tells; it has seen the list."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    found = Told()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        server = ApiServer(
            Address(cluster.url, tmp_path / "token", None), Kind.JOBS, "payments", session
        )
        following = Following(
            server,
            Kind.JOBS,
            tells=found,
            say=found.say,
            backoff=lambda: Backoff(first_seconds=0.001, cap_seconds=0.02),
        )
        task = asyncio.create_task(following.run())
        await found.until((C, "complete"))
        yield found
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_complete_failed_and_deleted_jobs_end_their_tasks(
    cluster: Cluster, told: Told
) -> None:
    """Each in its way, and what only announces an end does not."""
    cluster.put(job("a", A, SuccessCriteriaMet="True", Complete="False"))
    cluster.put(job("a", A, ended="Complete"))
    cluster.put(job("b", B, FailureTarget="True"))
    cluster.put(job("b", B, ended="Failed"))
    cluster.put(job("d", "t_00_d"))
    cluster.delete("d")

    await told.until((C, "complete"), (A, "complete"), (B, "fail"), ("t_00_d", "cancel"))


async def test_a_job_that_is_suspended_or_tries_again_has_not_ended(
    cluster: Cluster, told: Told
) -> None:
    """Suspended, resumed, with failed pods below its limit, and suspended again: it may go on."""
    for said in ({"Suspended": "True"}, {"Suspended": "False"}, {"Suspended": "True"}):
        cluster.put({**job("a", A, **said), "spec": {"backoffLimit": 6}})
    trying = job("b", B)
    trying["status"] |= {"failed": 5, "active": 1}
    cluster.put(trying)
    cluster.put(job("d", "t_00_d", ended="Complete"))
    await told.until((C, "complete"), ("t_00_d", "complete"))

    cluster.put(job("a", A, Suspended="False", Complete="True"))
    trying["status"]["conditions"] = [
        {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    ]
    cluster.put(trying)

    await told.until((C, "complete"), ("t_00_d", "complete"), (A, "complete"), (B, "fail"))


async def test_one_that_was_over_when_it_was_deleted_is_as_it_ended(
    cluster: Cluster, told: Told
) -> None:
    """The watch had broken off when it ended: what the deletion shows is its last state."""
    cluster.put(job("a", A, ended="Complete"), "DELETED")

    await told.until((C, "complete"), (A, "complete"))


async def test_what_is_said_twice_is_told_once(cluster: Cluster, told: Told) -> None:
    """The same event again, a list after it, and the deletion of what had ended."""
    cluster.put(job("a", A, ended="Complete"))
    cluster.again()
    cluster.compact()
    await told.heard("following", 2)
    cluster.delete("a")
    cluster.put(job("b", B, ended="Failed"))

    await told.until((C, "complete"), (A, "complete"), (B, "fail"))


async def test_lines_come_in_any_pieces(cluster: Cluster, told: Told) -> None:
    """A chunk is no line; what is left when the answer breaks off is none either."""
    cluster.chunk = 7
    cluster.put(job("a", A, ended="Complete"))
    await told.until((C, "complete"), (A, "complete"))
    cluster.raw(b'{"type": "DELETED", "object": {"metadata": {"uid": "b"')
    cluster.events.pop()
    cluster.cut()
    cluster.put(job("b", B, ended="Failed"))

    await told.until((C, "complete"), (A, "complete"), (B, "fail"))


async def test_a_watch_that_ends_goes_on_where_it_was(cluster: Cluster, told: Told) -> None:
    """From the last version, a bookmark's too; nothing is listed again."""
    cluster.bookmark()
    while cluster.version != int(cluster.asked[-1].get("resourceVersion", 0)):
        cluster.cut()
        await asyncio.sleep(0.02)
    cluster.put(job("a", A, ended="Complete"))

    await told.until((C, "complete"), (A, "complete"))
    assert told.said.count("following") == 1


async def test_what_is_too_old_begins_with_a_list(cluster: Cluster, told: Told) -> None:
    """410, by an event or by status; what went meanwhile was cancelled, what ended has ended."""
    cluster.items["a"] = job("a", A, ended="Failed")
    cluster.lose("b")
    await told.until((C, "complete"), (A, "fail"), (B, "cancel"))
    cluster.put(job("d", "t_00_d"))
    cluster.failing = [410]
    cluster.cut()
    await told.heard("following", 3)
    cluster.put(job("d", "t_00_d", ended="Complete"))

    await told.until((C, "complete"), (A, "fail"), (B, "cancel"), ("t_00_d", "complete"))
    assert told.said.count("listing-again") == 2


async def test_a_long_list_is_read_page_by_page(cluster: Cluster, told: Told) -> None:
    """Also when its pages go stale on the way: then from the beginning, and nothing is gone."""
    cluster.page = 1
    cluster.stale_pages = True
    cluster.compact()
    await told.heard("following", 2)
    cluster.put(job("b", B, ended="Failed"))

    await told.until((C, "complete"), (B, "fail"))
    assert sum("continue" in each for each in cluster.asked) >= 3


async def test_a_server_that_fails_is_asked_again(cluster: Cluster, told: Told) -> None:
    """Whatever it answers: refused, broken, nonsense, a redirect."""
    cluster.failing = [500, 403, 401, 429, 302, 503]
    cluster.cut()
    await told.heard("api-server-failed", 6)
    cluster.raw(b"nonsense\n")
    await told.heard("api-server-failed", 8)
    cluster.events.clear()
    cluster.put(job("a", A, ended="Complete"))

    await told.until((C, "complete"), (A, "complete"))


async def test_a_label_that_is_taken_away_or_changed_leaves_nothing_open(
    cluster: Cluster, told: Told
) -> None:
    """The task that it named has nobody any more; the API server says DELETED to the former."""
    cluster.put(job("a", A), "DELETED")
    cluster.put(job("b", "t_00_d"))

    await told.until((C, "complete"), (A, "cancel"), (B, "cancel"))


@pytest.mark.parametrize(
    ("phase", "ends"),
    [("Succeeded", ["complete"]), ("Failed", ["fail"]), ("Running", []), ("Unknown", [])],
)
async def test_pods_end_by_their_phase(
    cluster: Cluster, tmp_path: Path, phase: str, ends: list[Any]
) -> None:
    """Pods of Jobs need none of this; those that stand alone do."""
    cluster.items.clear()
    cluster.put({**job("p", A), "status": {"phase": phase, "conditions": []}})
    (tmp_path / "token").write_text(TOKEN)
    told = Told()
    async with aiohttp.ClientSession() as session:
        server = ApiServer(
            Address(cluster.url, tmp_path / "token", None), Kind.PODS, "payments", session
        )
        following = Following(server, Kind.PODS, tells=told, say=told.say)
        task = asyncio.create_task(following.run())
        await told.heard("following")
        task.cancel()

    assert told.ends == [(A, each) for each in ends]
