"""Waiting for the death of what a task had, by the client and by the command."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
from broker.client.reaching import NotReachedError
from broker.client.task_scope import TaskScope
from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.command import Command, Ended, commanding
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_target import ToyTarget
from tests.fakes.toy_world import SCOPES, ToyWorld, open_toy_world, toys
from tests.fakes.world_client import client_of
from tests.fakes.world_config import Template

ONE, TWO = toys("yard-1"), toys("yard-2")
LEGACY = {"capability": "legacy-api", "scopes": SCOPES}


@pytest.fixture
def targets() -> Iterator[list[ToyTarget]]:
    """Two toy targets."""
    with ToyTarget("toy-1") as one, ToyTarget("toy-2") as two:
        yield [one, two]


@pytest.fixture
async def world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    targets: list[ToyTarget],
) -> AsyncIterator[ToyWorld]:
    """One broker with both."""
    async with open_toy_world(single, template, signer, tmp_path, targets) as world:
        world.config.edit("resource_servers.yaml", _ask_each_time)
        await world.publish()
        yield world


def _ask_each_time(file: Any) -> None:
    """Let the one resource server ask for each token: it knows of an end at once."""
    orders = file["resource_servers"][0]
    del orders["staleness_ms"], orders["strict"]
    orders.update(check="introspect", cache_ms=0)


async def furnished(world: ToyWorld) -> tuple[str, dict[str, str]]:
    """Open a task with a token and two toys; return their capabilities by id."""
    task = await world.toy_task("yard-1", "yard-2")
    issued = [await world.issue(task, **what) for what in ({}, ONE, TWO)]
    return task, {each["id"]: each["capability"] for each in issued}


def at_target(report: Any, name: str) -> Any:
    """Return the receipt of the credential at a target."""
    return next(each for each in report["receipts"] if each.get("target") == name)


async def test_an_end_waits_for_every_kind(world: ToyWorld, targets: list[ToyTarget]) -> None:
    """One call, and all of it is refused by its targets."""
    task, issued = await furnished(world)

    async with client_of(world) as broker:
        report = await broker.tasks.complete(task, wait="confirmed", within_seconds=60)
        again = await broker.tasks.complete(task, wait="confirmed")

    assert {each.credential for each in report.receipts} == set(issued)
    assert report.counts == again.counts == {"confirmed": 3}
    assert again.receipts == report.receipts
    assert [target.names for target in targets] == [set(), set()]


async def test_a_hanging_target_is_said_and_the_report_goes_on(
    world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """By number, with what was tried and when it is tried again; the others are dead long since."""
    task, issued = await furnished(world)
    targets[0].freeze()

    async with client_of(world) as broker:
        ledger = await broker.tasks.complete(task, wait="ledger")
        await _until_two_are_dead(world, task, issued)
        with pytest.raises(NotReachedError, match="2 of 3 credentials are confirmed") as caught:
            await broker.tasks.complete(task, wait="confirmed", within_seconds=1)
        targets[0].thaw()
        report = await broker.tasks.reach(task, "confirmed", within_seconds=60)

    (waiting,) = [r for r in caught.value.report.receipts if r.target == "yard-1"]
    assert len(ledger.receipts) == len(report.receipts) == len(issued)
    assert (waiting.state, waiting.attempts >= 1) == ("pending", True)
    assert waiting.next_attempt_at is not None
    assert not caught.value.is_irrevocable
    assert report.counts == {"confirmed": 3}


async def _until_two_are_dead(world: ToyWorld, task: str, issued: dict[str, str]) -> None:
    for credential, capability in issued.items():
        state = "pending" if capability == "yard-1" else "confirmed"
        await world.until(task, credential, state)


async def test_a_block_waits_when_it_is_left(world: ToyWorld, targets: list[ToyTarget]) -> None:
    """And says what is not dead, unless the block has failed for a reason of its own."""
    async with client_of(world) as broker:
        opened = await world.toy_task("yard-1")
        async with broker.resume(opened, wait="confirmed", wait_seconds=60) as task:
            await task.issue("yard-1", scopes=tuple(SCOPES))
        assert task.report is not None
        assert task.report.counts == {"confirmed": 1}

        targets[0].freeze("kill")
        second = await world.toy_task("yard-1")
        with pytest.raises(NotReachedError):
            async with broker.resume(second, wait="confirmed", wait_seconds=0.5) as task:
                await task.issue("yard-1", scopes=tuple(SCOPES))
        third = await world.toy_task("yard-1")
        with pytest.raises(RuntimeError) as caught:
            await _fail_within(broker.resume(third, wait="confirmed", wait_seconds=0.5))
        targets[0].thaw()
    assert "has ended, and: 0 of 1" in caught.value.__notes__[0]


async def _fail_within(scope: TaskScope) -> None:
    async with scope as task:
        await task.issue("yard-1", scopes=tuple(SCOPES))
        raise RuntimeError


async def test_a_cancelled_block_does_not_wait(world: ToyWorld, targets: list[ToyTarget]) -> None:
    """Whoever cancels it wants it gone; and one that waits already goes as well."""
    async with client_of(world) as broker:
        targets[0].freeze("kill")
        for inside in (True, False):
            opened = await world.toy_task("yard-1")
            began = asyncio.Event()

            async def work(opened: str, began: asyncio.Event, *, inside: bool) -> None:
                async with broker.resume(opened, wait="confirmed", wait_seconds=3_000) as task:
                    await task.issue("yard-1", scopes=tuple(SCOPES))
                    began.set()
                    if inside:
                        await asyncio.Event().wait()

            job = asyncio.create_task(work(opened, began, inside=inside))
            await began.wait()
            if not inside:
                await _until_ended(world, opened)
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            await _until_ended(world, opened)
        targets[0].thaw()


async def _until_ended(world: ToyWorld, task: str) -> None:
    async def has_ended() -> bool:
        return (await world.get(AGENT, f"/v1/tasks/{task}"))["state"] != "open"

    await eventually_true(has_ended, "an ended task")


async def test_one_that_is_given_back_is_waited_for_alone(
    world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """The task goes on; its other credentials have no receipt."""
    _, issued = await furnished(world)
    toy = next(each for each, capability in issued.items() if capability == "yard-1")

    async with client_of(world) as broker:
        ended = await broker.credentials.give_back(toy, wait="confirmed", within_seconds=60)
        report = await broker.credentials.reach(toy)

    assert (ended.id, ended.alive) == (toy, False)
    assert [(r.credential, r.state) for r in report.receipts] == [(toy, "confirmed")]
    assert targets[0].names == set()
    assert len(targets[1].names) == 1


async def test_an_order_is_waited_for(world: ToyWorld, targets: list[ToyTarget]) -> None:
    """Whatever it names."""
    _, issued = await furnished(world)

    async with client_of(world, OPERATOR) as broker:
        order = await broker.operator.revoke({"agent": "invoice-bot"}, reason="a drill")
        report = await broker.operator.reach(order.id, "confirmed", within_seconds=60)

    assert {each.credential for each in report.receipts} == set(issued)
    assert report.counts == {"confirmed": 3}
    assert [target.names for target in targets] == [set(), set()]


async def test_a_level_that_is_none_ends_nothing(world: ToyWorld) -> None:
    """It is said before anything is sent."""
    task, issued = await furnished(world)

    async with client_of(world) as broker:
        with pytest.raises(ValueError, match="dead"):
            await broker.tasks.complete(task, wait="dead")
        with pytest.raises(ValueError, match="dead"):
            await broker.credentials.give_back(next(iter(issued)), wait="dead")

    assert (await world.get(AGENT, f"/v1/tasks/{task}"))["state"] == "open"


async def test_the_command_waits(world: ToyWorld, targets: list[ToyTarget], tmp_path: Path) -> None:
    """With an exit code for there and for not yet; repeated, it shows the same, further along."""
    task, issued = await furnished(world)
    targets[0].freeze()
    await world.end(task)
    await _until_two_are_dead(world, task, issued)
    async with commanding(world, AGENT, tmp_path) as command:
        late = await _complete(command, task, "confirmed", "1s")
        targets[0].thaw()
        done = await _complete(command, task, "confirmed", "60s")

    first, last = json.loads(late.out), json.loads(done.out)
    assert (late.code, done.code) == (exits.NOT_REACHED, exits.OK)
    assert {r["credential"] for r in first["receipts"]} == set(issued)
    assert {r["credential"] for r in last["receipts"]} == set(issued)
    assert at_target(first, "yard-1")["next_attempt_at"] is not None
    assert last["counts"] == {"confirmed": 3}
    assert '{"progress": {"of": "confirmed", "done": 2, "total": 3}}' in late.err


async def test_who_interrupts_the_wait_is_told_that_it_has_ended(
    world: ToyWorld, targets: list[ToyTarget], tmp_path: Path
) -> None:
    """The bar goes, and nothing is taken back."""
    task = await world.toy_task("yard-1")
    await world.issue(task, **ONE)
    targets[0].freeze("kill")
    async with commanding(world, AGENT, tmp_path) as command:
        ended = await asyncio.to_thread(
            command.run_before_a_screen,
            *("task", "complete", task, "--wait", "confirmed"),
            until="0/1",
        )
    targets[0].thaw()

    assert ended.code == exits.INTERRUPTED
    assert f"{task} has ended" in ended.err
    await _until_ended(world, task)


async def _complete(command: Command, task: str, level: str, at_most: str) -> Ended:
    waiting = ("--wait", level, "--timeout", at_most, "--json")
    return await command.run("task", "complete", task, *waiting)


async def test_what_dies_only_of_age_has_an_exit_code(world: ToyWorld, tmp_path: Path) -> None:
    """Nobody waits for it; and dead in the ledger it is."""
    ceiling = [toys("yard-1"), LEGACY]
    task = str((await world.open(ceiling=ceiling))["id"])
    offline = await world.issue(task, **LEGACY)
    await world.issue(task, **ONE)
    async with client_of(world) as broker:
        ledger = await broker.tasks.fail(task, wait="ledger")
        with pytest.raises(NotReachedError, match="die only of age"):
            await broker.tasks.reach(task, "accepted", within_seconds=60)
    async with commanding(world, AGENT, tmp_path) as command:
        alone = await command.run(
            "credential", "give-back", offline["id"], "--wait", "confirmed", "--json"
        )
        shown = await command.run_in_terminal("task", "fail", task, "--wait", "accepted")

    assert [each.state for each in ledger.receipts if each.kind == "jwt"] == ["irrevocable"]
    assert [r["state"] for r in json.loads(alone.out)["receipts"]] == ["irrevocable"]
    assert (alone.code, shown.code) == (exits.IRREVOCABLE, exits.IRREVOCABLE)
    assert "1/2" in shown.out  # the bar
