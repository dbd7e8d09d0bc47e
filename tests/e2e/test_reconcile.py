"""`broker reconcile` and the brokers' own comparisons, over a whole installation."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
from broker.cli.settings import load
from broker.doctor import Doctor
from tests.fakes.issuer import Signer
from tests.fakes.keyboard import typed_blocks
from tests.fakes.reconcile_command import Command, differing, write_down
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_target import ToyTarget
from tests.fakes.toy_world import ToyWorld, open_toy_world, toys
from tests.fakes.world_config import Template

ONE = toys("yard-1")
ORPHAN = "l_01_" + "a" * 26


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment for a second look: nothing is under way for longer here."""
    monkeypatch.setattr("broker.comparing.second_look_ms", lambda target: 50)  # noqa: ARG005


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
        write_down(world)
        be_patient(world, "yard-1", "yard-2")
        yield world


def be_patient(world: ToyWorld, *names: str, deadline_ms: int = 20_000) -> None:
    """Let the command wait so long for these."""

    def change(file: Any) -> None:
        for target in file["targets"]:
            if target["name"] in names:
                target["deadline_ms"] = deadline_ms

    world.config.edit("targets.yaml", change)


@pytest.fixture
def command(world: ToyWorld, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command over this installation."""
    return Command(world, capsys)


def epoch_of(world: ToyWorld) -> str:
    """Return the ledger's epoch."""
    return world.broker.replica.epoch


async def issued(world: ToyWorld, count: int = 1) -> tuple[str, list[dict[str, Any]]]:
    """Open a task and mint some toys for it."""
    task = await world.toy_task("yard-1")
    return task, [await world.issue(task, **ONE) for _ in range(count)]


async def test_what_agrees_is_well(world: ToyWorld, command: Command) -> None:
    """Two targets, one in use."""
    await issued(world, 3)

    code, told = await command.run()

    assert (code, told["differences"], told["condemned"]) == (exits.OK, [], 0)
    assert [(each["target"], each["seen"], each["known"]) for each in told["targets"]] == [
        ("yard-1", 3, 3),
        ("yard-2", 0, 0),
    ]
    assert told["epoch"] == epoch_of(world)


async def test_what_differs_is_shown_and_ended_by_its_digest(
    world: ToyWorld, command: Command, targets: list[ToyTarget]
) -> None:
    """An orphan and a lease without its credential; whatever is not ours stays."""
    task, (lost, kept) = await issued(world, 2)
    name = lost["secret"]["username"]
    targets[0].drop(name)
    targets[0].plant(f"toy_{ORPHAN}", epoch_of(world), ORPHAN)
    targets[0].plant("toy_theirs", "another-epoch", ORPHAN)
    targets[0].plant("toy_by_hand")

    code, shown = await command.run("yard-1")
    assert code == exits.REFUSED
    assert differing(shown) == {
        f"toy_{ORPHAN}": "orphan",
        name: "missing",
        "toy_by_hand": "unmarked",
    }
    assert shown["targets"][0]["foreign"] == {"another-epoch": 1}
    assert len(targets[0].names) == 4

    code, done = await command.run("yard-1", "--kill", shown["digest"], "--reason", "a test")

    assert code == exits.OK
    assert {each["locator"]: each["outcome"] for each in done["differences"]} == {
        f"toy_{ORPHAN}": "confirmed",
        name: "ended",
        "toy_by_hand": "",
    }
    assert targets[0].names == {"toy_theirs", "toy_by_hand", kept["secret"]["username"]}
    receipt = await world.until(task, lost["id"], "confirmed")
    assert receipt["credential"] == lost["id"]
    file = world.config.settings(0).audit.file
    await world.until_logged(file, "orphan.killed")
    assert file.read_text().count("reconcile.ordered") == 2


async def test_the_lines_of_the_page_look_and_end_what_they_say(
    world: ToyWorld, command: Command, targets: list[ToyTarget]
) -> None:
    """As targets.md types them, with the digest that the first one shows, at a target of ours."""
    (lines,) = (each for each in typed_blocks("targets.md") if "broker reconcile" in each)
    look, exactly, whatever = (
        shlex.split(line.replace("orders-db", "yard-1"))[2:] for line in lines
    )
    targets[0].plant("toy_one", epoch_of(world), ORPHAN)

    code, shown = await command.run(*look)
    assert (code, differing(shown)) == (exits.REFUSED, {"toy_one": "orphan"})
    code, _ = await command.run(*(shown["digest"] if w == "3f1c…" else w for w in exactly))
    assert (code, targets[0].names) == (exits.OK, set())
    targets[0].plant("toy_two", epoch_of(world), ORPHAN)
    assert (await command.run(*whatever))[0] == exits.USAGE  # nobody is there to be asked
    code, _ = await command.run(*whatever, "--yes")
    assert (code, targets[0].names) == (exits.OK, set())


async def test_another_set_is_refused(
    world: ToyWorld, command: Command, targets: list[ToyTarget]
) -> None:
    """Nothing is killed, and the right digest is named."""
    targets[0].plant("toy_one", epoch_of(world), ORPHAN)
    _, shown = await command.run()
    targets[0].plant("toy_two", epoch_of(world), ORPHAN)

    code, error = await command.run("--kill", shown["digest"], "--reason", "a test")

    assert code == exits.REFUSED
    assert "another set" in error["message"]
    assert targets[0].names == {"toy_one", "toy_two"}


async def test_an_order_without_a_digest_is_small(
    world: ToyWorld, command: Command, targets: list[ToyTarget]
) -> None:
    """More than its limit are looked at first."""
    for name in ("toy_one", "toy_two"):
        targets[0].plant(name, epoch_of(world), ORPHAN)

    code, error = await command.run("--kill", "--yes", "--reason", "a test", "--limit", "1")
    assert (code, "--limit is 1" in error["message"]) == (exits.REFUSED, True)
    assert targets[0].names == {"toy_one", "toy_two"}

    code, _ = await command.run("--kill", "--yes", "--reason", "a test")
    assert (code, targets[0].names) == (exits.OK, set())


async def test_a_lost_ledger_s_are_ended_by_its_name_only(
    command: Command, targets: list[ToyTarget]
) -> None:
    """Unless an operator says that it is lost it is somebody else's."""
    targets[0].plant("toy_old", "a-lost-epoch", ORPHAN)
    targets[0].plant("toy_theirs", "another-epoch", ORPHAN)
    sure = ("--kill", "--yes", "--reason", "a test")

    code, _ = await command.run(*sure)
    assert (code, len(targets[0].names)) == (exits.OK, 2)
    code, _ = await command.run(*sure, "--lost-epoch", "a-lost-epoch")
    assert (code, targets[0].names) == (exits.OK, {"toy_theirs"})


async def test_a_target_that_hangs_keeps_no_other_from_being_compared(
    world: ToyWorld, command: Command, targets: list[ToyTarget]
) -> None:
    """It is named with the word for it."""
    targets[1].plant("toy_one", epoch_of(world), ORPHAN)
    be_patient(world, "yard-1", deadline_ms=500)
    targets[0].freeze()

    code, told = await command.run()
    targets[0].thaw()

    troubles = {each["target"]: each["trouble"] for each in told["targets"]}
    assert code == exits.UNAVAILABLE
    assert troubles["yard-1"].startswith(("late", "unreachable"))
    assert differing(told) == {"toy_one": "orphan"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nowhere",), exits.REFUSED),
        (("--kill", "yard-1", "--reason", "x"), exits.USAGE),
        (("--kill", "--yes"), exits.USAGE),
        (("--kill", "--reason", "x"), exits.USAGE),
        (("--limit", "0"), exits.USAGE),
    ],
)
async def test_mistakes_are_named_and_change_nothing(
    world: ToyWorld, command: Command, targets: list[ToyTarget], words: tuple[str, ...], code: int
) -> None:
    """No such target, no digest, no reason, nobody to ask."""
    targets[0].plant("toy_one", epoch_of(world), ORPHAN)

    found, error = await command.run(*words)

    assert (found, bool(error["message"])) == (code, True)
    assert targets[0].names == {"toy_one"}


async def test_brokers_compare_by_themselves_and_say_so(
    world: ToyWorld, command: Command, targets: list[ToyTarget]
) -> None:
    """In readiness, metrics and `broker doctor`; access is given all the same."""
    targets[0].plant(f"toy_{ORPHAN}", epoch_of(world), ORPHAN)
    watch = world.broker.reconcile_watch
    await compared(world)

    status, reasons = await world.readiness()
    metrics = (await world.get(None, "/metrics")).raw.decode()
    lines = [
        line async for line in Doctor(await asyncio.to_thread(load, world.config.folder)).run()
    ]

    assert status == 200
    assert "targets: yard-1 has 1 credentials that no lease has" in reasons
    assert 'jit_reconcile_credentials{differs="orphan",target="yard-1"} 1.0' in metrics
    assert [line.state for line in lines if line.check == "targets"] == ["warn", "ok"]
    assert targets[0].names == {f"toy_{ORPHAN}"}

    code, _ = await command.run("--kill", "--yes", "--reason", "a test")
    await watch.tick()
    assert code == exits.OK
    assert (await world.readiness())[1] == []


async def turns_over(world: ToyWorld) -> None:
    """Let everybody's turn come now, whoever had it already."""
    for each in world.running:
        await each.broker.reconcile_watch.rested()
    world.single.ask("DEL", world.broker.ledger.keys.reconciled)


async def compared(world: ToyWorld) -> None:
    """Let some broker compare, and all of them show what it found."""
    watches = [each.broker.reconcile_watch for each in world.running]
    await turns_over(world)
    await asyncio.gather(*(watch.tick() for watch in watches))
    await asyncio.gather(*(watch.rested() for watch in watches))
    await asyncio.gather(*(watch.tick() for watch in watches))


async def test_of_two_brokers_one_compares(world: ToyWorld, targets: list[ToyTarget]) -> None:
    """And both show what it found."""
    targets[0].plant("toy_one", epoch_of(world), ORPHAN)
    await world.start(targets=world.config.folder / "targets.yaml")
    await turns_over(world)
    before = targets[0].asked.count("list")
    await compared(world)

    assert targets[0].asked.count("list") - before == 2  # one page, two looks
    for at in (0, 1):
        assert any("no lease has" in reason for reason in (await world.readiness(at=at))[1])


async def test_a_target_that_hangs_is_told_and_delays_nobody(
    world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """The other is compared, and mints go on there."""
    watch = world.broker.reconcile_watch
    await turns_over(world)
    targets[0].freeze("list")
    await watch.tick()
    task = await world.toy_task("yard-1", "yard-2")
    await world.issue(task, **ONE)
    await watch.rested()
    kept = await world.broker.ledger.reconciliations.all()
    targets[0].thaw()

    assert kept["yard-1"].trouble in ("late", "unreachable")
    assert kept["yard-1"].outcome is None
    assert kept["yard-2"].outcome is not None
    assert (await world.readiness())[0] == 200
