"""`broker reconcile` over targets that refuse by a list."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
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


async def test_with_mend_a_broker_writes_what_must_stand(
    world: ToyWorld, command: Command, target: ListTarget
) -> None:
    """At once, though it would not have looked for an hour."""
    task = await killed(world)
    leave_alone(world)
    target.documents["main"] = {**target.documents["main"], "entries": []}

    code, told = await command.run("--mend")

    (found,) = told["lists"]
    assert (code, found["outcome"], found["missing"]) == (exits.OK, "mended", [])
    assert target.entries() == {task}


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

    code, told = await command.run("--mend")

    assert (code, told["lists"][0]["outcome"]) == (exits.NOT_REACHED, "waits")
