"""`broker reconcile` over targets that refuse by a list."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker.cli import exits
from broker.cli.settings import load
from broker.doctor import Doctor
from tests.fakes.issuer import Signer
from tests.fakes.reconcile_command import Command, leave_alone, write_down
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_list import ListTarget
from tests.fakes.toy_world import ToyWorld, open_toy_world, toys
from tests.fakes.world_config import Template

ONE = toys("yard-1")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment for a second look: nothing is under way for longer here."""
    monkeypatch.setattr("broker.comparing_lists.second_look_ms", lambda target: 50)  # noqa: ARG005


@pytest.fixture
def target() -> Iterator[ListTarget]:
    """A target with a list."""
    with ListTarget("toy-1") as target:
        yield target


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path, target: ListTarget
) -> AsyncIterator[ToyWorld]:
    """One broker with it."""
    opening = open_toy_world(single, template, signer, tmp_path, [target], kind="toylist")
    async with opening as world:
        write_down(world)
        wait_for(world, 20_000)
        yield world


def wait_for(world: ToyWorld, deadline_ms: int) -> None:
    """Let the command wait so long for the target."""

    def change(file: Any) -> None:
        file["targets"][0]["deadline_ms"] = deadline_ms

    world.config.edit("targets.yaml", change)


@pytest.fixture
def command(world: ToyWorld, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command over this installation."""
    return Command(world, capsys)


async def killed(world: ToyWorld) -> str:
    """Let a task end whose credential the list refuses from then on; return the task."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE)
    await world.end(task)
    await world.until(task, issued["id"], "accepted")
    return task


async def test_a_target_whose_lists_are_unused_is_well(command: Command) -> None:
    """Asked for by name, too: that its sessions cannot be listed is no failure."""
    code, told = await command.run("yard-1")

    assert (code, told["lists"]) == (exits.OK, [])


async def test_a_list_as_it_must_be_is_well(world: ToyWorld, command: Command) -> None:
    """Its figures are told."""
    await killed(world)

    code, told = await command.run()

    (found,) = told["lists"]
    assert code == exits.OK
    assert (found["target"], found["list"], found["document"]) == ("yard-1", "main", "ours")
    assert (found["standing"], found["wanted"], found["free"], found["room"]) == (1, 1, 99, 100)
    assert (found["missing"], found["left_over"], found["trouble"]) == ([], [], "")


async def test_what_is_missing_is_named_and_the_exit_says_so(
    world: ToyWorld, command: Command, target: ListTarget
) -> None:
    """Nobody's order among credentials makes that well, and the command writes nothing."""
    task = await killed(world)
    leave_alone(world)
    edited = {**target.documents["main"], "entries": ["t_00_somebody"]}
    target.documents["main"] = edited

    code, told = await command.run()
    ordered, _ = await command.run("--kill", "--yes", "--reason", "a test")

    (found,) = told["lists"]
    assert (code, ordered) == (exits.REFUSED, exits.REFUSED)
    assert (found["missing"], found["left_over"]) == ([task], ["t_00_somebody"])
    assert found["edited"] is True
    assert target.documents["main"] == edited


async def test_a_list_that_hangs_is_a_target_that_was_not_compared(
    world: ToyWorld, command: Command, target: ListTarget
) -> None:
    """The reason is told."""
    await killed(world)
    wait_for(world, 1_000)
    target.freeze("get")

    code, told = await command.run()
    target.thaw()

    assert code == exits.UNAVAILABLE
    assert told["lists"][0]["trouble"].startswith("late")


async def test_with_mend_what_must_stand_is_written(
    world: ToyWorld, command: Command, target: ListTarget
) -> None:
    """At once, though it would not have looked for an hour."""
    task = await killed(world)
    leave_alone(world)
    target.documents["main"] = {**target.documents["main"], "entries": []}

    code, told = await command.run("--mend", "--reason", "a test")

    (found,) = told["lists"]
    assert (code, found["outcome"], found["missing"]) == (exits.OK, "mended", [])
    assert target.entries() == {task}
    file = world.config.settings(0).audit.file
    await world.until_logged(file, "list.mended")
    assert '"type":"list.ordered"' in file.read_text()
    assert '"reason":"a test"' in file.read_text()


@pytest.mark.parametrize(
    "words", [("--mend",), ("--take-over",), ("--take-over", "--reason", "a test")]
)
async def test_mistakes_are_named(command: Command, words: tuple[str, ...]) -> None:
    """Why is asked for, and what is to be taken over is mended."""
    code, error = await command.run(*words)

    assert (code, bool(error["message"])) == (exits.USAGE, True)


async def test_what_a_lost_ledger_left_is_found_by_what_is_published(
    world: ToyWorld, command: Command, target: ListTarget
) -> None:
    """By the command and by brokers themselves; taken over by order alone."""
    left = {"entries": ["t_00_theirs"], "before": 0, "mark": "lostr7"}
    target.documents["main"] = left

    code, told = await command.run()
    await compared(world)
    _, reasons = await world.readiness()
    _, spared = await command.run("--mend", "--reason", "a test")
    unchanged = dict(target.documents["main"])
    done, taken = await command.run("--mend", "--take-over", "--reason", "a test")

    (found,) = told["lists"]
    assert (code, found["document"], found["wanted"]) == (exits.REFUSED, "foreign", 0)
    assert "targets: yard-1 has 1 lists that bear another ledger's mark" in reasons
    assert (spared["lists"][0]["outcome"], unchanged) == ("", left)
    assert (done, taken["lists"][0]["outcome"]) == (exits.OK, "mended")
    assert target.entries() == {"t_00_theirs"}


async def compared(world: ToyWorld) -> None:
    """Let brokers compare now, and show what they found."""
    watch = world.broker.reconcile_watch
    await watch.rested()
    world.single.ask("DEL", world.broker.ledger.keys.reconciled)
    await watch.tick()
    await watch.rested()
    await watch.tick()


async def test_how_lists_are_is_shown_by_brokers_and_the_doctor(
    world: ToyWorld, target: ListTarget
) -> None:
    """What cannot be written for too long; one alarm; access is given all the same."""
    await killed(world)
    (key,) = world.single.ask("KEYS", "*{k:*meta")
    target.documents["main"] = {**target.documents["main"], "entries": []}
    target.is_losing_writes = True
    seconds, _ = world.single.ask("TIME")
    world.single.ask("HSET", key, "looked", str((int(seconds) - 600) * 1000))

    with capture_logs() as lines:
        await world.broker.reconcile_watch.lists.tick()
        await world.broker.reconcile_watch.lists.tick()
    status, reasons = await world.readiness()
    metrics = (await world.get(None, "/metrics")).raw.decode()
    found = [
        line async for line in Doctor(await asyncio.to_thread(load, world.config.folder)).run()
    ]

    assert status == 200
    assert any("list main of yard-1 was not confirmed for" in reason for reason in reasons)
    assert 'jit_deny_lists{target="yard-1",worry="unconfirmed"} 1.0' in metrics
    assert [line["event"] for line in lines].count("deny-list-unconfirmed") == 1
    assert "fail" in {line.state for line in found if line.check == "targets"}


async def test_what_cannot_be_mended_waits(
    world: ToyWorld,
    command: Command,
    target: ListTarget,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the exit says that it was not reached."""
    monkeypatch.setattr("broker.mending_lists.PAUSE_S", 0.05)
    await killed(world)
    leave_alone(world)
    target.documents["main"] = {**target.documents["main"], "entries": []}
    target.is_losing_writes = True

    code, told = await command.run("--mend", "--reason", "a test")

    assert (code, told["lists"][0]["outcome"]) == (exits.NOT_REACHED, "waits")
