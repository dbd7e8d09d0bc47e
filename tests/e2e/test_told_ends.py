"""Ends that orchestrators tell of: signed, of now, theirs, once, through whatever dies."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.settings.ends import Ends, EndSource
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP, parse_secret, signatures
from tests.fakes.cast import (
    AGENT,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    OTHER_ORCHESTRATOR,
    STOCK_AGENT,
    STOCK_ORCHESTRATOR,
)
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import Answer, World, open_world
from tests.fakes.world_config import ISSUERS, Template

NEW, OLD, FOREIGN = ("whsec_" + letter * 43 + "=" for letter in ("M", "Q", "c"))
PRIVATE: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC: Final = "whpk_" + base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()
ABSENT: Final = f"t_00_{'a' * 26}"


def declared(folder: Path) -> Ends:
    """Say who sends messages, and with what each is verified."""
    files = {"ci-orchestrator": "ci", "other-orchestrator": "other", "no-such": "gone"}
    return Ends(
        sources=tuple(
            EndSource(orchestrator=name, issuer=ISSUERS[0], keys_file=folder / file)
            for name, file in files.items()
        )
    )


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """The CI's orchestrator signs with two secrets, another with a key, and one is unregistered."""
    (tmp_path / "ci").write_text(f"{NEW}\n{OLD}\n")
    (tmp_path / "other").write_text(f"{PUBLIC}\n")
    (tmp_path / "gone").write_text(f"{NEW}\n")
    async with open_world(single, template, signer, tmp_path, brokers=0) as world:
        await world.start(ends=declared(tmp_path))
        yield world


def message(task: str, kind: str = "task.completed", **data: str) -> bytes:
    """Write a message."""
    return json.dumps({"type": kind, "data": {"task": task, **data}}).encode()


def signed(
    world: World, body: bytes, *, id_: str = "msg_1", secret: str = NEW, late_s: int = 0
) -> dict[str, str]:
    """Sign it."""
    at = str(world.now() + late_s)
    return {ID: id_, TIMESTAMP: at, SIGNATURE: signatures([parse_secret(secret)], id_, at, body)}


async def send(
    world: World,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    to: str = "ci-orchestrator",
    at: int = 0,
) -> Answer:
    """Send it."""
    sent = {"Content-Type": "application/json", **(headers or signed(world, body))}
    return await world.call(None, "POST", f"/v1/ends/{to}", headers=sent, data=body, at=at)


async def state(world: World, task: str) -> str:
    """Return a task's state."""
    return str((await world.get(OPERATOR, f"/v1/tasks/{task}"))["state"])


async def test_a_message_ends_the_task_as_its_opener_would(world: World) -> None:
    """Everything below is dead at once, and the answer is the report that ending it again gives."""
    task, other = await world.open(), await world.open()
    child = (await world.delegate(task["id"])).body
    token = (await world.issue(task["id"]))["access_token"]
    kept = (await world.issue(other["id"]))["access_token"]
    body = message(task["id"], reason="the job is over")

    told = await send(world, body)

    assert told.status == 200, told.raw
    assert not await world.is_active(token)
    assert await world.is_active(kept)
    assert not (await world.get(OPERATOR, f"/v1/tasks/{child['id']}"))["alive"]
    assert told["task"]["closed_by"] == (
        "orchestrator:ci-orchestrator: message msg_1: the job is over"
    )
    await world.settle()
    again = await world.end(task["id"], "complete", ORCHESTRATOR)
    assert (await send(world, body)).body == again


async def test_it_ends_in_each_of_the_ways_that_there_are(world: World) -> None:
    """Done, failed, cancelled."""
    for number, outcome in enumerate(("completed", "failed", "cancelled")):
        task = await world.open()
        body = message(task["id"], f"task.{outcome}")

        told = await send(world, body, signed(world, body, id_=f"msg_{number}"))

        assert (told.status, told["task"]["state"]) == (200, outcome)


async def test_the_same_message_has_the_effect_of_one(world: World, tmp_path: Path) -> None:
    """Sent by many at once, to two brokers, and later with a new time, as senders retry."""
    await world.start(ends=declared(tmp_path))
    task = await world.open()
    await world.issue(task["id"])
    body = message(task["id"])
    headers = signed(world, body)

    answers = await asyncio.gather(*(send(world, body, headers, at=n % 2) for n in range(8)))
    retried = await send(world, body, signed(world, body, late_s=200))

    assert {answer.status for answer in (*answers, retried)} == {200}
    assert len({answer["task"]["closed_at"] for answer in (*answers, retried)}) == 1
    assert await world.told("task.closed") == 1


async def test_one_id_stands_for_one_end(world: World) -> None:
    """What comes under it besides is refused, and ends nothing; another sender's is another."""
    first, second = await world.open(), await world.open()
    theirs = await world.open(OTHER_ORCHESTRATOR)
    assert (await send(world, message(first["id"]))).status == 200

    other = await send(world, message(second["id"]))
    body = message(theirs["id"])
    at = str(world.now())
    made = base64.b64encode(PRIVATE.sign(f"msg_1.{at}.".encode() + body)).decode()
    headers = {ID: "msg_1", TIMESTAMP: at, SIGNATURE: f"v1,{'A' * 44} v1a,{made}"}
    by_key = await send(world, body, headers, to="other-orchestrator")

    assert (other.status, other.code, other["field"]) == (422, "idempotency-conflict", ID)
    assert await state(world, second["id"]) == "open"
    assert (by_key.status, await state(world, theirs["id"])) == (200, "completed")


async def test_a_broker_that_died_after_it_took_the_id_has_done_nothing(world: World) -> None:
    """The id is bound and nothing has ended: the sender's retry ends it."""
    task = await world.open()
    ends = world.broker.ledger.tasks.bindings
    bound: list[tuple[str, str]] = []

    class _Dies(Exception):  # noqa: N818 - the test's own death
        pass

    async def bind_and_die(key: str, digest: str) -> None:
        bound.append((key, digest))
        await type(ends).bind(ends, key, digest)
        raise _Dies

    ends.bind = bind_and_die  # type: ignore[method-assign]
    died = await send(world, message(task["id"]))
    assert (died.status, await state(world, task["id"])) == (500, "open")
    del ends.bind  # type: ignore[misc]

    told = await send(world, message(task["id"]))

    assert (told.status, told["task"]["state"], len(bound)) == (200, "completed", 1)


async def test_two_secrets_count_and_only_what_is_of_now(world: World) -> None:
    """Either of two in rotation; five minutes this way or that."""
    tries = [(NEW, -290), (OLD, 290), (FOREIGN, 0), (NEW, -310), (NEW, 310)]
    tasks = [(await world.open())["id"] for _ in tries]

    answers = []
    for number, (task, (secret, late_s)) in enumerate(zip(tasks, tries, strict=True)):
        body, name = message(task), f"msg_{number}"
        headers = signed(world, body, id_=name, secret=secret, late_s=late_s)
        answers.append(await send(world, body, headers))

    assert [answer.status for answer in answers] == [200, 200, 401, 401, 401]
    assert [await state(world, task) for task in tasks] == ["completed"] * 2 + ["open"] * 3


async def test_what_nobody_vouches_for_is_refused_alike(world: World) -> None:
    """Whatever is wrong with it, undeclared and unregistered names included; no token helps."""
    task = await world.open()
    body = message(task["id"])
    good = signed(world, body)
    wrong: list[tuple[bytes, dict[str, str], str]] = [
        (body + b" ", good, "ci-orchestrator"),
        (body, good | {ID: "msg_2"}, "ci-orchestrator"),
        (body, good | {ID: ""}, "ci-orchestrator"),
        (body, good | {TIMESTAMP: "1e9"}, "ci-orchestrator"),
        (body, good | {SIGNATURE: ""}, "ci-orchestrator"),
        (body, good | {SIGNATURE: "v1a," + good[SIGNATURE][3:]}, "ci-orchestrator"),
        (body, good, "other-orchestrator"),
        (body, good, "stock-orchestrator"),
        (body, good, "no-such"),
        (b"{", good, "ci-orchestrator"),
        (body, {"Authorization": f"Bearer {world.token(ORCHESTRATOR)}"}, "ci-orchestrator"),
    ]

    answers = [await send(world, sent, headers, to=name) for sent, headers, name in wrong]

    assert {answer.status for answer in answers} == {401}
    assert len({answer.raw for answer in answers}) == 1
    assert await state(world, task["id"]) == "open"


async def test_an_orchestrator_ends_what_it_opened_and_nothing_else(world: World) -> None:
    """Another's, another tenant's, an agent's part, and what never was look the same."""
    others = await world.open(OTHER_ORCHESTRATOR)
    foreign = await world.open(STOCK_ORCHESTRATOR, tenant="globex", agent=STOCK_AGENT.name)
    part = (await world.delegate((await world.open())["id"])).body
    elsewhere = await world.open(replace(ORCHESTRATOR, issuer=ISSUERS[1]))
    tasks = [each["id"] for each in (others, foreign, part, elsewhere)]

    answers = []
    for number, task in enumerate((*tasks, ABSENT)):
        body = message(task)
        answers.append(await send(world, body, signed(world, body, id_=f"msg_{number}")))

    assert {answer.status for answer in answers} == {404}
    assert len({answer.raw for answer in answers}) == 1
    assert (await world.get(OPERATOR, f"/v1/tasks/{others['id']}"))["state"] == "open"


async def test_what_is_signed_has_to_be_understood(world: World) -> None:
    """The fault names its member."""
    wrong: list[tuple[Any, str]] = [
        ({"type": "task.ended", "data": {"task": ABSENT}}, "type"),
        ({"type": "task.failed", "data": {"task": "t_x"}}, "data.task"),
        ({"type": "task.failed", "data": {}}, "data.task"),
        ({"type": "task.failed"}, "data"),
        ({"type": "task.failed", "data": {"task": ABSENT, "reason": "a\u202eb"}}, "reason"),
        ({"type": "task.failed", "data": {"task": ABSENT}, "more": 1}, "more"),
        ([], "body"),
    ]
    for body, field in wrong:
        data = json.dumps(body).encode()

        answer = await send(world, data, signed(world, data))

        assert (answer.status, answer["field"]) == (400, field), body


async def test_a_header_that_comes_twice_is_read_by_nobody(world: World) -> None:
    """Who is before the broker might have read the other one."""
    body = message(ABSENT)
    headers = [*signed(world, body).items(), (ID, "msg_2"), ("Content-Type", "application/json")]

    async with world.running[0].session.post(
        "http://broker/v1/ends/ci-orchestrator", data=body, headers=headers
    ) as answer:
        assert (answer.status, (await answer.json())["field"]) == (400, ID)


async def test_secrets_are_read_anew_and_while_they_cannot_be_nobody_is_believed(
    world: World, tmp_path: Path
) -> None:
    """It looks as any refusal does, and nothing of the file is in it."""
    task = await world.open()
    body = message(task["id"])

    (tmp_path / "ci").write_text("whsec_short\n")
    broken = await send(world, body)
    (tmp_path / "ci").unlink()
    gone = await send(world, body)
    (tmp_path / "ci").write_text(f"{FOREIGN}\n")
    former = await send(world, body)
    rotated = await send(world, body, signed(world, body, secret=FOREIGN))

    assert (broken.status, rotated.status) == (401, 200)
    assert broken.raw == gone.raw == former.raw


async def test_the_report_goes_on_where_the_answer_ended(world: World) -> None:
    """Its next page is the opener's, who follows it with its own token."""
    task = await world.open()
    for _ in range(3):
        await world.issue(task["id"])

    told = await send(world, message(task["id"]))

    path = f"/v1/tasks/{task['id']}/report"
    assert {each["credential"] for each in told["receipts"]} == {
        each["credential"] for each in await world.receipts(ORCHESTRATOR, path)
    }
    assert (await world.get(AGENT, path)).status == 200
    assert (await world.get(ORDERS, path)).status == 404


async def test_the_program_of_the_guide_signs_what_counts(world: World) -> None:
    """As it stands there, with nothing but the standard library."""
    text = (Path(__file__).parents[2] / "docs" / "orchestrators.md").read_text()
    (program,) = re.findall(
        r"^```python\n(import base64\n.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    module: dict[str, Any] = {}
    exec(program, module)  # noqa: S102  the text is our own
    task = await world.open()

    body, headers = module["signed_end"](OLD, "job-7.end", task["id"], "failed")

    assert (await send(world, body, headers))["task"]["state"] == "failed"
