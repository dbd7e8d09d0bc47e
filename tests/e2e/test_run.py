"""`broker run` before a whole broker: what a command gets, and what is dead afterwards."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from broker.running.desk_client import DeskClient
from broker.secret import Secret
from tests.fakes.cast import OPERATOR
from tests.fakes.eventually_true import eventually_true
from tests.fakes.run_command import WAIT, Running
from tests.fakes.run_world import runs, state_of
from tests.fakes.world import World

KEEP = 'env > variables; cp "$ORDERS_API_TOKEN_FILE" token; echo "$BROKER_TASK_ID" > task; '
"""A command that shows the test what it was given."""


async def test_a_credential_lives_as_long_as_the_command(world: World, tmp_path: Path) -> None:
    """Used while it runs, and refused when it has ended; the task says how, and no file is left."""
    async with runs(world, tmp_path) as begin:
        well = begin(KEEP + 'echo "$BROKER_RUN_DIR" > place; ' + WAIT)
        badly = begin(KEEP + "exit 3")
        await well.started()
        token = well.read("token")
        alive = await world.is_active(token)
        well.go()
        ended, failed = await well.ended(), await badly.ended()

    assert (alive, await world.is_active(token)) == (True, False)
    assert (ended[0], failed[0]) == (0, 3)
    assert await state_of(world, well.read("task").strip()) == ("completed", "agent:invoice-bot")
    assert (await state_of(world, badly.read("task").strip()))[0] == "failed"
    assert not is_there(well.read("place"))
    assert token not in ended[1] + ended[2]


async def test_a_command_asks_its_desk_for_what_it_holds_now(world: World, tmp_path: Path) -> None:
    """Under the need's name; two of one capability are two credentials."""
    needs = ("--need", "in=orders-api", "--need", "orders-api")
    scopes = ("--scope", "in=orders:read", "--scope", "orders-api=orders:read")
    script = 'env > variables; echo "$BROKER_TASK_ID" > task; ' + WAIT

    async with runs(world, tmp_path) as begin:
        run = begin(script, needs=needs + scopes)
        await run.started()
        said = variables_of(run)
        desk = DeskClient(said["BROKER_RUN_URL"], Secret(said["BROKER_RUN_TOKEN"]))
        first = await asyncio.to_thread(desk.credential, "in")
        second = await asyncio.to_thread(desk.credential, "orders-api")
        active = await world.is_active(first.values["access_token"].reveal())
        run.go()
        assert (await run.ended())[0] == 0

    assert active
    assert first.credential_id != second.credential_id
    assert (first.capability, second.capability) == ("orders-api", "orders-api")
    assert {"IN_HEADER_FILE", "ORDERS_API_HEADER_FILE"} < said.keys()
    assert not {"BROKER_URL", "BROKER_TOKEN_FILE", "BROKER_AGENT"} & said.keys()


async def test_a_younger_token_is_in_the_file_before_the_old_one_dies(
    world: World, tmp_path: Path
) -> None:
    """At the desk as well; the command does nothing for it."""
    script = KEEP + WAIT + 'cp "$ORDERS_API_TOKEN_FILE" younger'

    async with runs(world, tmp_path) as begin:
        run = begin(script, "--credential-ttl", "6s", "--idle", "30s")
        await run.started()
        first = run.read("token")
        file = Path(variables_of(run)["ORDERS_API_TOKEN_FILE"])
        await run.until(lambda: file.read_text() != first, "a younger token")
        run.go()
        code, _, err = await run.ended()

    assert (code, err) == (0, "")
    assert run.read("younger") != first


def is_there(path: str) -> bool:
    """Tell whether there is anything of a name that a command has written down."""
    return Path(path.strip()).exists()


def variables_of(run: Running) -> dict[str, str]:
    """Return the variables that a run's command has written down."""
    lines = run.read("variables").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


async def test_killed_without_a_word_it_is_silent_and_its_credentials_die(
    world: World, tmp_path: Path
) -> None:
    """The idle timeout of its task ends all: the resource server is asked; the command has gone."""
    async with runs(world, tmp_path) as begin:
        run = begin(KEEP + "echo $$ > pid; " + WAIT, "--idle", "5s")
        await run.started()
        token, task = run.read("token"), run.read("task").strip()
        assert await world.is_active(token)
        run.send(signal.SIGKILL)

        async def is_refused() -> bool:
            return not await world.is_active(token)

        await eventually_true(is_refused, "the end of its credential")

    assert (await world.ended(task))["ended_by"] == "idle"
    assert not is_there(f"/proc/{run.read('pid')}")


@pytest.mark.parametrize(("choice", "code"), [("term", 79), ("warn", 5)])
async def test_what_an_operator_ends_is_told_to_the_command(
    world: World, tmp_path: Path, choice: str, code: int
) -> None:
    """It is asked to end, or goes on without, as was chosen; why is on standard error."""
    script = KEEP + "trap 'touch asked; exit 0' TERM; " + WAIT + "exit 5"
    async with runs(world, tmp_path) as begin:
        run = begin(script, "--idle", "3s", "--on-revoked", choice)
        await run.started()
        task = run.read("task").strip()
        await world.post(OPERATOR, f"/v1/tasks/{task}/cancel", {"reason": "INC-7"})
        if choice == "warn":
            await asyncio.sleep(3)
            run.go()
        ended = await run.ended()

    assert ended[0] == code
    assert "the task was ended by somebody else" in ended[2]
    assert ((run.folder / "asked").exists()) == (choice == "term")
    assert (await state_of(world, task))[0] == "cancelled"


async def test_a_revoked_credential_ends_the_command(world: World, tmp_path: Path) -> None:
    """Although its task lives on: nothing follows what was taken on purpose."""
    async with runs(world, tmp_path) as begin:
        run = begin(KEEP + WAIT)
        await run.started()
        task = run.read("task").strip()
        (lease,) = (await world.get(OPERATOR, f"/v1/tasks/{task}/credentials"))["credentials"]
        assert (await world.revoke(credential=lease["id"])).status in (200, 202)
        ended = await run.ended()

    assert ended[0] == 79
    assert "orders-api is dead" in ended[2]
    assert (await state_of(world, task))[0] == "failed"


async def test_a_frozen_task_gives_nothing_until_it_is_thawed(world: World, tmp_path: Path) -> None:
    """The command goes on without, and finds a new token in its file after the thaw."""
    async with runs(world, tmp_path) as begin:
        run = begin(KEEP + WAIT, "--idle", "6s")
        await run.started()
        task, first = run.read("task").strip(), run.read("token")
        said = variables_of(run)
        file = Path(said["ORDERS_API_TOKEN_FILE"])
        await world.post(OPERATOR, f"/v1/tasks/{task}/freeze", {"reason": "odd"})
        await asyncio.sleep(4)
        await world.post(OPERATOR, f"/v1/tasks/{task}/thaw", {"reason": "meant"})
        await run.until(lambda: file.read_text() != first, "a token after the thaw")
        alive = await world.is_active(run.text_of(file))
        run.go()
        code, _, err = await run.ended()

    assert (alive, code) == (True, 0)
    assert "the task is frozen" in err
    assert "the task was thawed" in err


async def test_what_is_refused_starts_nothing(world: World, tmp_path: Path) -> None:
    """The refusal is readable, the exit code says so, and the task has ended."""
    beyond = ("--need", "orders-api", "--scope", "orders:write")  # policy wants a ticket
    async with runs(world, tmp_path) as begin:
        refused = begin("touch started", needs=beyond)
        unknown = begin("touch started", needs=("--need", "nowhere", "--scope", "x"))
        unfit = begin("touch started", "--as", "pgpass")
        ended = [await each.ended() for each in (refused, unknown, unfit)]

    assert [code for code, _, _ in ended] == [77, 77, 77]
    assert not any((each.folder / "started").exists() for each in (refused, unknown, unfit))
    assert "broker explain" in ended[0][2]
    assert "orders-api" in ended[0][2]
    assert "no such capability" in ended[1][2]
    assert "has no host" in ended[2][2]
    tasks = (await world.get(OPERATOR, "/v1/tasks"))["tasks"]
    assert {task["state"] for task in tasks} == {"failed"}


async def test_a_task_that_is_open_already_is_gone_on_with(world: World, tmp_path: Path) -> None:
    """One that names this instance, or that is claimed by its handle; the run ends it."""
    named = await world.open()
    claimed = await world.open(instance=...)
    handle = tmp_path / "handle"
    handle.write_text(claimed["claim_handle"] + "\n")

    async with runs(world, tmp_path) as begin:
        first = begin(KEEP, "--task-id", named["id"])
        second = begin(KEEP, "--task-id", claimed["id"], "--handle-file", str(handle))
        codes = [(await each.ended())[0] for each in (first, second)]
        again = await begin(KEEP, "--task-id", named["id"]).ended()

    assert codes == [0, 0]
    assert first.read("task").strip() == named["id"]
    assert [(await state_of(world, each["id"]))[0] for each in (named, claimed)] == [
        "completed"
    ] * 2
    assert again[0] == 77


async def test_two_runs_of_one_name_are_two_tasks(world: World, tmp_path: Path) -> None:
    """The end of one is nothing to the other."""
    async with runs(world, tmp_path) as begin:
        first, second = begin(KEEP + WAIT), begin(KEEP + WAIT)
        await first.started()
        await second.started()
        first.go()
        await first.ended()
        alive = await world.is_active(second.read("token"))
        second.go()
        assert (await second.ended())[0] == 0

    assert alive
    assert first.read("task") != second.read("task")


async def test_nothing_secret_is_left_anywhere(world: World, tmp_path: Path) -> None:
    """Neither in the run's outputs, nor in the working folder, nor in the audit of the end."""
    async with runs(world, tmp_path) as begin:
        run = begin('echo "$BROKER_TASK_ID" > task; cat "$ORDERS_API_TOKEN_FILE" | wc -c')
        code, _, err = await run.ended()
    report = await world.get(OPERATOR, f"/v1/tasks/{run.read('task').strip()}/report")

    assert (code, err) == (0, "")
    assert sorted(each.name for each in run.folder.iterdir()) == ["task"]
    assert "eyJ" not in json.dumps(report.body)
