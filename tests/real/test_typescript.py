"""The TypeScript client, built of a running broker's document, in programs on Node."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from broker.client.jose import split
from broker.clock import SystemClock
from broker.proof.confirmation import Binding, Confirmation
from broker.proof.dpop import ProofChecker, Target
from broker.proof.replays import MemoryReplays
from tests.fakes import raw_server
from tests.fakes.eventually_true import eventually_true
from tests.real import half_broker
from tests.real.typescript_stage import MISUSE, Stage, open_stage
from tests.real.typescript_workshop import texts

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

IDLE_S: Final = 3
JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"
MISTAKE: Final = re.compile(rf"^{MISUSE}\.ts\((\d+),\d+\): error", re.MULTILINE)
KEY: Final = re.compile(rb"(?im)^idempotency-key: *(.+?)\r$")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(
    part: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """A broker, everybody who calls it, and programs with the client."""
    parts = part("openapi-typescript").parents[2]
    async with open_stage(tmp_path_factory.mktemp("typescript"), parts) as made:
        yield made


async def asked(stage: Stage, url: str, **variables: str) -> dict[str, Any]:
    """Let a program send one request; return what became of it."""
    ran = await stage.workshop.run("asking", BROKER_URL=url, **variables)
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def saying(status: str, body: bytes, *headers: str, kind: bytes = PROBLEM) -> raw_server.Play:
    """Play a server that gives this answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    head = "\r\n".join(lines).encode() + b"\r\nContent-Type: " + kind + b"\r\n\r\n"
    return raw_server.saying(head + body)


async def test_a_task_from_its_opening_to_its_end(stage: Stage) -> None:
    """Alive while it may be, dead with the task; refused by type; no secret prints itself."""
    files = {name.upper(): stage.token_file(name) for name in ("orchestrator", "agent", "resource")}

    ran = await stage.workshop.run("story", BROKER_URL=stage.cast.url, **files)

    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {
        "isSame": True,
        "conflict": ["422", "idempotency-conflict", ""],
        "refused": ["403", "access-denied", "d_"],
        "generation": 2,
        "states": [True, True, False],
        "leaks": 0,
        "listed": True,
        "state": "completed",
        "after": ["409", "task-closed", ""],
    }


async def test_the_programs_of_the_pages_run_as_they_stand(stage: Stage) -> None:
    """The opener's, whose task is completed; and the agent's, which uses a credential."""
    (witness,) = stage.cast.world.witnesses
    known = {"BROKER_URL": stage.cast.url}
    opener = {**known, "BROKER_TOKEN_FILE": stage.token_file("orchestrator")}
    opened = await stage.cast.open()
    agent = {**known, "BROKER_TOKEN_FILE": stage.token_file("agent"), "TASK": opened.id}

    told = await stage.workshop.run("orchestrators-page", **opener)
    used = await stage.workshop.run("agents-page", ORDERS_URL=f"{witness.url}/orders", **agent)

    assert (told.code, told.out, told.err) == (0, "open [secret]\n", "")
    assert (used.code, used.out, used.err) == (0, "200\n", "")
    assert (await stage.shown(opened.id)).state == "completed"


async def test_misuse_does_not_compile(stage: Stage) -> None:
    """Each line with a mistake has its error, and nothing else has one."""
    text = texts()[MISUSE]
    wrong = {n for n, line in enumerate(text.splitlines(), 1) if line.startswith("await")}

    compiled = await stage.workshop.compile(**{MISUSE: text})

    found = {int(number) for number in MISTAKE.findall(compiled.out)}
    assert compiled.code != 0
    assert (found, len(wrong)) == (wrong, 8), compiled.out


async def test_a_block_that_throws_fails_its_task(stage: Stage) -> None:
    """Its own error is what the caller sees, and what it had is dead."""
    opened = await stage.cast.open()

    async with stage.agent(opened.id, DO="throw") as program:
        began = await program.said()
        assert await program.said() == {"threw": "RangeError"}
        ended = await program.ended()

    assert (ended.code, ended.err) == (0, "")
    assert (await stage.shown(opened.id)).state == "failed"
    assert not await stage.accepts(began["token"])


@pytest.mark.parametrize("told", ["SIGTERM", "SIGINT", "SIGHUP"])
async def test_a_signal_cancels_the_task_before_the_process_dies_of_it(
    stage: Stage, told: str
) -> None:
    """Whoever waits for the process sees the signal; the task is over by then."""
    opened = await stage.cast.open()

    async with stage.agent(opened.id) as program:
        began = await program.said()
        assert await stage.accepts(began["token"])
        program.process.send_signal(signal.Signals[told])
        ended = await program.ended()

    assert ended.code == -signal.Signals[told]
    assert (await stage.shown(opened.id)).state == "cancelled"
    assert not await stage.accepts(began["token"])


async def test_heartbeats_keep_a_task_alive_and_silence_ends_it(stage: Stage) -> None:
    """Beyond its idle timeout while the process lives; a killed one says nothing any more."""
    opened = await stage.cast.open(idle_timeout_seconds=IDLE_S)

    async def has_outlived_its_silence() -> bool:
        task = await stage.shown(opened.id)
        assert task.alive
        seen, began = (_instant(each) for each in (task.agent_seen_at, task.opened_at))
        return seen - began > timedelta(seconds=2 * IDLE_S)

    async with stage.agent(opened.id) as program:
        began = await program.said()
        await eventually_true(has_outlived_its_silence, "beats of two idle timeouts")
        assert await stage.accepts(began["token"])
        program.process.kill()
        await program.process.wait()

    ended = await stage.ended(opened.id)
    assert ended.ended_by == "idle"
    assert not await stage.accepts(began["token"])


def _instant(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


async def test_a_held_credential_is_renewed_ahead_of_its_expiry(stage: Stage) -> None:
    """The younger token is good while the former one still is."""
    opened = await stage.cast.open()

    async with stage.agent(opened.id, TTL="6") as program:
        first = await program.said()
        younger = await program.said()
        assert younger["generation"] == 2
        assert younger["token"] != first["token"]
        assert await stage.accepts(younger["token"])
        assert (await program.said())["generation"] == 3


async def test_a_task_that_somebody_else_ends_is_lost(stage: Stage) -> None:
    """The block is told by its signal, and the first ending stands."""
    opened = await stage.cast.open(idle_timeout_seconds=IDLE_S)

    async with stage.agent(opened.id) as program:
        await program.said()
        await stage.cast.orchestrator.client.tasks.cancel(opened.id, reason="no longer wanted")
        assert await program.said() == {"threw": "TaskLost"}
        assert (await program.ended()).code == 0

    assert (await stage.shown(opened.id)).state == "cancelled"


async def test_a_broker_that_goes_away_takes_no_block_with_it(stage: Stage) -> None:
    """While it is away the block goes on; once it is back the end is told."""
    slot = stage.cast.world.slots[0]
    opened = await stage.cast.open()

    async with stage.agent(opened.id) as program:
        began = await program.said()
        await slot.kill()
        assert program.process.returncode is None
        await slot.start()
        program.process.terminate()
        assert (await program.ended()).code == -signal.SIGTERM

    assert (await stage.shown(opened.id)).state == "cancelled"
    assert not await stage.accepts(began["token"])


async def test_a_signal_while_a_task_is_being_begun_ends_it(stage: Stage) -> None:
    """What the broker may have begun is waited for, and cancelled; then the process dies."""
    async with half_broker.serving() as half:
        async with stage.agent(half_broker.TASK, BROKER_URL=half.url) as program:
            await half.asked.wait()
            program.process.terminate()
            half.may_answer.set()
            ended = await program.ended()

        assert (ended.code, ended.out, half.ends) == (-signal.SIGTERM, "", ["cancel"])


@pytest.mark.parametrize(
    ("how", "end", "said"),
    [
        ("using", "fail", ""),
        ("ended", "complete", ""),
        ("aborted", "cancel", '{"began": true}\n"RangeError: enough"\n'),
    ],
)
async def test_a_task_is_ended_however_its_block_is_left(
    stage: Stage, how: str, end: str, said: str
) -> None:
    """Once: by its own word, by the caller's signal, or as failed where nobody has said a word."""
    async with half_broker.serving() as half:
        half.may_answer.set()
        ran = await stage.workshop.run(
            "leaving", BROKER_URL=half.url, TASK=half_broker.TASK, DO=how
        )

    assert (ran.code, ran.out, half.ends) == (0, said, [end]), ran.err


async def test_a_program_that_listens_itself_decides_when_it_goes(stage: Stage) -> None:
    """Its task is cancelled all the same; even if it listens just once."""
    async with half_broker.serving() as half:
        half.may_answer.set()
        given = {"BROKER_URL": half.url, "TASK": half_broker.TASK, "DO": "listened"}
        async with stage.workshop.running("leaving", **given) as program:
            await program.said()
            program.process.terminate()
            ended = await program.ended()

    said = '"heard"\n"Stopped: SIGTERM came"\n"went on"\n'
    assert (ended.code, ended.out, half.ends) == (0, said, ["cancel"])


async def test_an_end_that_cannot_be_told_hides_no_error_of_the_block(stage: Stage) -> None:
    """The block's own error is seen; the other is a warning of the process."""
    async with half_broker.serving() as half:
        half.may_answer.set()
        half.end_status = 403
        async with stage.agent(half_broker.TASK, BROKER_URL=half.url, DO="unsaid") as program:
            ended = await program.ended()

    assert (json.loads(ended.out), half.ends) == ({"threw": "RangeError"}, ["fail"])
    assert "BrokerWarning: the task was not ended by us: 403" in ended.err


async def test_a_credential_at_a_target_is_followed_by_another_one(stage: Stage) -> None:
    """Ahead of its expiry, where it cannot be renewed; the former one is given back."""
    async with half_broker.serving() as half:
        half.may_answer.set()

        async def is_given_back() -> bool:
            return half.given_back[:1] == ["l_07_1"]

        async with stage.agent(half_broker.TASK, BROKER_URL=half.url, DO="target") as program:
            assert [await program.said(), await program.said()] == [
                {"words": "words-1"},
                {"words": "words-2"},
            ]
            await eventually_true(is_given_back, "the former credential back")


async def test_what_never_left_and_what_may_have_arrived_are_told_apart(stage: Stage) -> None:
    """A lost answer is asked for again with the same key; without one, nothing is sent twice."""
    async with raw_server.running(raw_server.saying()) as server:
        keyed = await asked(stage, server.url)
        keys = [found[1] for head in server.heads if (found := KEY.search(head))]
        assert (len(keys), set(keys)) == (4, {b"asking.open"})
        server.heads.clear()
        bare = await asked(stage, server.url, DO="beat")
        assert len(server.heads) == 1
    away = await asked(stage, server.url, DO="beat")

    for found, may_have_acted in ((keyed, True), (bare, True), (away, False)):
        assert (found["threw"], found["mayHaveActed"]) == ("BrokerUnreachable", may_have_acted)
        assert not found["isLeaked"]


async def test_a_redirect_is_refused(stage: Stage) -> None:
    """The token would go along."""
    async with raw_server.running(raw_server.saying()) as other:
        there = f"Location: {other.url}/v1/tasks"
        async with raw_server.running(saying("307 Temporary Redirect", b"", there)) as server:
            found = await asked(stage, server.url)
            assert len(server.heads) == 1
        assert other.heads == []

    assert (found["threw"], found["says"]) == (
        "AnswerError",
        "a redirect came and was not followed",
    )


@pytest.mark.parametrize(
    ("play", "times", "found"),
    [
        (
            saying(
                "429 Slow",
                b'{"type": "https://x/problems/quota-exceeded", "decision": "d_07_a"}',
                "Retry-After: 30",
            ),
            1,
            {"code": "quota-exceeded", "decision": "d_07_a", "retryAfter": 30},
        ),
        (
            saying(
                "503 Later",
                b'{"type": "https://x/problems/unavailable", "detail": "a\\u001b[2Jb"}',
                "Retry-After: x",
            ),
            4,
            {"code": "unavailable", "decision": "", "says": "503 unavailable: a\\u{1b}[2Jb"},
        ),
        (saying("400 Bad", b"<html>"), 1, {"threw": "BrokerProblem", "code": ""}),
        (saying("400 Bad", b'["x"]'), 1, {"threw": "BrokerProblem", "code": ""}),
        (saying("200 OK", b"<html>"), 1, {"threw": "AnswerError"}),
        (saying("200 OK", b"[%1100000d]" % 1, kind=JSON), 1, {"threw": "AnswerError"}),
    ],
    ids=range(6),
)
async def test_every_answer_is_read_with_care(
    stage: Stage, play: raw_server.Play, times: int, found: dict[str, Any]
) -> None:
    """A refusal is typed and printable, whatever it is; what is no answer is none."""
    async with raw_server.running(play) as server:
        told = await asked(stage, server.url)
        assert len(server.heads) == times

    assert found.items() <= told.items(), told
    assert not told["isLeaked"]


@pytest.mark.parametrize(
    ("url", "variables", "threw", "says"),
    [
        ("http://broker.example", {}, "TypeError", "must be https"),
        ("http://127.evil.example", {}, "TypeError", "must be https"),
        ("https://me@broker.example", {}, "TypeError", "no user, query or fragment"),
        ("broker.example", {}, "TypeError", "must be absolute"),
        ("http://127.0.0.1:1", {"TOKEN": "with space"}, "TokenSourceError", "returned no token"),
        ("http://127.0.0.1:1", {"DO": "up"}, "TypeError", "task: give one"),
    ],
    ids=range(6),
)
async def test_what_is_wrong_is_said_before_anything_is_sent(
    stage: Stage, url: str, variables: dict[str, str], threw: str, says: str
) -> None:
    """Nor does the token stand in it."""
    found = await asked(stage, url, **variables)

    assert (found["threw"], says in found["says"], found["isLeaked"]) == (threw, True, False)


async def test_an_id_stays_one_segment_and_a_signal_ends_a_request(stage: Stage) -> None:
    """Nothing that an id holds changes the route; an aborted request is not repeated."""
    seen: list[str] = []
    released = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        if request.method == "POST":
            await released.wait()
        return web.json_response({"id": "t"})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", hang)
    async with TestServer(app, host="127.0.0.1") as server:
        url = str(server.make_url("/base")).rstrip("/")
        assert await asked(stage, url, DO="slash") == {"got": {"id": "t"}}
        aborted = await asked(stage, url, DO="abort")
        released.set()

    assert seen == ["/base/v1/tasks/..%2F..%2Fhealthz%3Fx%3D1", "/base/v1/tasks"]
    assert aborted["threw"] == "TimeoutError"


async def test_a_credential_is_bound_to_the_agents_key(stage: Stage) -> None:
    """Asked for with a nonce of the broker's; each proof is for one request, and counts."""
    opened, url = await stage.cast.open(), "https://orders.example/orders"
    files = {"BROKER_TOKEN_FILE": stage.token_file("agent"), "TASK": opened.id}

    ran = await stage.workshop.run("bound", BROKER_URL=stage.cast.url, URL_OF_ORDERS=url, **files)

    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["types"] == ["DPoP", "DPoP"]
    assert (told["heard"], told["isShown"]) == ([True, False, True, False], False)
    clock = SystemClock()
    checker = ProofChecker(clock, MemoryReplays(clock))
    for request in told["requests"]:
        scheme, _, token = request["Authorization"].partition(" ")
        proven = await checker.check(request["DPoP"], Target("GET", url), token=token)
        assert scheme == "DPoP"
        assert split(token).claims["cnf"] == {"jkt": told["thumbprint"]}
        assert proven == Confirmation(Binding.DPOP, told["thumbprint"])


async def test_the_feed_is_followed_through_the_brokers_death(stage: Stage) -> None:
    """What dies is told, after that too; nothing of before it again; and it ends when told to."""
    slot, told = stage.cast.world.slots[0], ""
    given = {"BROKER_URL": stage.cast.url, "BROKER_TOKEN_FILE": stage.token_file("resource")}
    async with stage.workshop.running("following", **given) as program:
        assert (await program.said())["first"] is True
        for is_killed in (True, False):
            opened = await stage.cast.open()
            await stage.cast.issue(opened.id)
            await stage.cast.orchestrator.client.tasks.cancel(opened.id)
            assert opened.id not in told
            while opened.id not in told:
                told += str(await program.until("frame"))
            if is_killed:
                await slot.kill()
                assert (await program.until("break"))["why"]
                await slot.start()
        ran = await program.ended()

    assert told.count("'task'") == 2
    assert (ran.code, ran.err, '"ended"' in ran.out) == (0, "", True)
