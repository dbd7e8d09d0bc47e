"""Waiting for people's consent, by the command and by both clients: whatever happens meanwhile."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
from broker.client.awaiting import ApprovalAwaitedError, ApprovalRefusedError
from tests.fakes.agreeing import asked, say, staffed
from tests.fakes.cast import AGENT, DANA
from tests.fakes.command import Ended, commanding
from tests.fakes.eventually_true import eventually_true
from tests.fakes.world import World
from tests.fakes.world_client import client_of

READ = ("orders-api", "--scope", "orders:read", "--ttl", "60s")
WAIT = ("--wait-for-approval", "10m")
PATIENCE_S = 120.0
"""A command of its own takes long to begin where many are at work."""


async def what_waits(world: World) -> str:
    """Return the one approval that waits for dana, once there is one."""
    found: list[str] = []

    async def one() -> bool:
        page = await world.get(DANA, "/v1/approvals")
        found[:] = [each["id"] for each in page["approvals"]] if page.status == 200 else []
        return len(found) == 1

    await eventually_true(one, "one approval that waits", within_s=PATIENCE_S)
    return found[0]


async def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for a command that was started."""
    out, err = await asyncio.to_thread(process.communicate)
    return Ended(process.returncode, out, err)


@asynccontextmanager
async def waiting(
    world: World, folder: Path, task: str, *more: str
) -> AsyncIterator[tuple["subprocess.Popen[str]", str]]:
    """Have the command wait, and give what it waits for."""
    async with commanding(world, AGENT, folder) as command:
        process = command.start("credential", "issue", task, *READ, *WAIT, *more)
        try:
            yield process, await what_waits(world)
        finally:
            process.kill()
            process.wait()


async def test_the_command_waits_until_somebody_agrees(world: World, tmp_path: Path) -> None:
    """And prints the credential then; meanwhile it says what it waits for, and until when."""
    task = await staffed(world)

    async with waiting(world, tmp_path, task["id"], "--json") as (process, approval):
        await say(world, approval)
        done = await ended(process)

    assert done.code == exits.OK, done.err
    assert await world.is_active(json.loads(done.out)["access_token"])
    assert f"waiting for people to agree to {approval}, digest " in done.err


async def test_a_no_ends_the_wait(world: World, tmp_path: Path) -> None:
    """At once, with another exit code than for nobody's answer; nothing is printed or written."""
    task = await staffed(world)
    out = tmp_path / "secret"

    async with waiting(world, tmp_path, task["id"], "--out", str(out)) as (process, approval):
        await say(world, approval, answer="no")
        done = await ended(process)

    assert (done.code, done.out, out.read_text()) == (exits.REFUSED, "", "")
    assert f"people said no: {approval} is denied" in done.err


async def test_what_nobody_answers_in_time_ends_the_wait(world: World, tmp_path: Path) -> None:
    """It has expired, and is no refusal by anybody."""
    task = await staffed(world)

    async with waiting(world, tmp_path, task["id"]) as (process, approval):
        world.ledger.pass_time(3_601)
        await world.settle()
        done = await ended(process)

    assert (done.code, done.out) == (exits.REFUSED, "")
    assert f"nobody answered, or used the answer, in time: {approval} is expired" in done.err


async def test_nobody_answers_for_as_long_as_is_waited(world: World, tmp_path: Path) -> None:
    """It is said how to go on, with an exit code of its own; the same command then gets it."""
    task = await staffed(world)
    async with commanding(world, AGENT, tmp_path) as command:
        early = await command.run("credential", "issue", task["id"], *READ, "--json")
        late = await command.run(
            "credential", "issue", task["id"], *READ, "--wait-for-approval", "1s"
        )
        approval = await what_waits(world)
        await say(world, approval)
        given = await command.run("credential", "issue", task["id"], *READ, "--json")

    assert (early.code, late.code, given.code) == (exits.NOT_REACHED, exits.NOT_REACHED, exits.OK)
    assert json.loads(early.out)["id"] == approval
    assert late.out == ""
    assert f"people have to agree first: {approval} waits for them until " in late.err
    assert f"broker approval show {approval}" in late.err
    assert await world.is_active(json.loads(given.out)["access_token"])


async def test_a_broker_that_restarts_meanwhile_is_sat_out(world: World, tmp_path: Path) -> None:
    """Between question and answer, and away for longer than one request is repeated."""
    task = await staffed(world)

    async with waiting(world, tmp_path, task["id"], "--json") as (process, approval):
        await world.stop()
        await asyncio.sleep(4)
        await world.start()
        await say(world, approval)
        done = await ended(process)

    assert done.code == exits.OK, done.err
    assert await world.is_active(json.loads(done.out)["access_token"])


async def test_who_interrupts_the_wait_has_lost_nothing(world: World, tmp_path: Path) -> None:
    """It says so; people are asked once; the same command goes on and gets it."""
    task = await staffed(world)

    async with waiting(world, tmp_path, task["id"]) as (process, approval):
        os.kill(process.pid, signal.SIGINT)
        stopped = await ended(process)
        await say(world, approval)
        async with commanding(world, AGENT, tmp_path) as command:
            again = await command.run("credential", "issue", task["id"], *READ, *WAIT, "--json")

    assert (stopped.code, stopped.out) == (exits.INTERRUPTED, "")
    assert f"{approval} still waits for people; the same command goes on" in stopped.err
    assert "Traceback" not in stopped.err
    assert await world.is_active(json.loads(again.out)["access_token"])


async def test_both_clients_wait(world: World) -> None:
    """The one with an event loop and the one without: agreed, refused, and nobody's answer."""
    task = await staffed(world)
    seen: list[str] = []

    async with client_of(world) as broker:

        def issue(seconds: float, **labels: str) -> Any:
            return broker.credentials.issue(
                task["id"],
                "orders-api",
                scopes=("orders:read",),
                labels=labels,
                wait_for_approval=seconds,
                waiting=lambda approval: seen.append(approval.id),
            )

        agreed = asyncio.create_task(issue(60))
        await say(world, await what_waits(world))
        issued = await agreed
        refused = asyncio.create_task(issue(60, n="2"))
        await say(world, await what_waits(world), answer="no")
        with pytest.raises(ApprovalRefusedError, match="people said no"):
            await refused
        with pytest.raises(ApprovalAwaitedError) as late:
            await issue(1, n="3")

    assert issued.access_token is not None
    assert await world.is_active(issued.access_token.reveal())
    assert len(seen) == 3
    assert late.value.approval.id == seen[-1]


async def test_repeated_by_the_same_key_a_wait_gets_the_same(world: World) -> None:
    """Whoever died after the answer, and begins anew, asks nobody again."""
    task = await staffed(world)
    async with client_of(world) as broker:

        async def issue() -> Any:
            return await broker.credentials.issue(
                task["id"],
                "orders-api",
                scopes=("orders:read",),
                idempotency_key="refund-1",
                wait_for_approval=60,
            )

        first = asyncio.create_task(issue())
        await say(world, await what_waits(world))
        one, again = await first, await issue()

    assert one.access_token.reveal() == again.access_token.reveal()
    assert (await world.get(DANA, "/v1/approvals"))["approvals"] == []


async def test_what_is_overtaken_is_told_by_its_reason(world: World) -> None:
    """The task ended while people were asked."""
    task = await staffed(world)
    waits = await asked(world, task)
    async with client_of(world) as broker:
        looking = asyncio.create_task(broker.approvals.wait(waits["id"], within_seconds=60))
        await world.end(task["id"])
        await world.settle()
        found = await looking

    assert (found.state, found.because) == ("superseded", "task-ended")
