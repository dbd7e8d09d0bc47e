"""`broker mcp serve` within `broker run`: the agent asks, and neither of them has evidence."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from broker.running.desk import Desk
from broker.running.desk_verbs import DeskVerbs
from tests.e2e.test_run import is_there, variables_of
from tests.e2e.test_run_proxy import shop
from tests.fakes import agent_in_run
from tests.fakes.agent_verbs import ScriptedVerbs
from tests.fakes.cast import OPERATOR
from tests.fakes.held_values import Shelf
from tests.fakes.run_command import Running
from tests.fakes.run_world import Start, runs
from tests.fakes.world import World

READ = {"capability": "orders-api", "scopes": ["orders:read"]}
KEEP = 'env > variables; echo "$BROKER_TASK_ID" > task; '
FETCH = """
import json, sys, urllib.request
place = json.load(open("answers.json"))[int(sys.argv[2])]["told"]["place"]
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + place["where"]})
print(urllib.request.urlopen(request).status)
"""


async def begun(
    begin: Start, folder: Path, calls: Sequence[tuple[str, dict[str, Any]]], *options: str
) -> Running:
    """Start an agent that calls its tools; return when it was answered."""
    (folder / "run-0").mkdir()
    (folder / "run-0" / "calls.json").write_text(json.dumps(calls))
    (folder / "fetch.py").write_text(FETCH)
    run = begin(f"{KEEP}{sys.executable} {agent_in_run.__file__}", *options)
    await run.started()
    return run


def answers(run: Running) -> list[dict[str, Any]]:
    """Return what the agent was told."""
    found: list[dict[str, Any]] = json.loads(run.read("answers.json"))
    return found


def placed(given: dict[str, Any]) -> tuple[Path, int, str]:
    """Return the file that an agent was told, its mode, and the token in it."""
    file = Path(given["told"]["place"]["where"])
    return file, stat.S_IMODE(file.stat().st_mode), token_in(file.read_text())


def token_in(header: str) -> str:
    """Return what a header line carries."""
    return header.removeprefix("Authorization: Bearer ").strip()


async def left(run: Running) -> None:
    """Let the agent end its server, and wait for that."""
    run.go()
    await run.until((run.folder / "left").exists, "the end of the server")


async def ended(run: Running) -> tuple[int, str]:
    """Let the agent end; return the exit code, and what was said on standard error."""
    run.go()
    (run.folder / "end").touch()
    code, _, err = await run.ended()
    return code, err


async def test_an_agent_in_a_run_asks_without_evidence_and_dies_with_its_server(
    world: World, tmp_path: Path
) -> None:
    """Told where, never what; given back when the server ends, while the run goes on."""
    calls = [
        ("my_task", {}),
        ("ask_for_credential", READ | {"ttl_seconds": 60}),
        ("renew_credential", {"credential": "$credential"}),
        ("my_credentials", {}),
        ("ask_for_credential", READ | {"scopes": ["orders:write"]}),
        ("why_refused", {}),
    ]
    async with runs(world, tmp_path) as begin:
        run = await begun(begin, tmp_path, calls)
        task, given, renewed, mine, beyond, why = answers(run)
        file, mode, token = placed(given)
        was_alive = await world.is_active(token)
        await left(run)
        seen = await world.get(OPERATOR, f"/v1/credentials/{given['told']['credential']}")
        is_alive, is_placed = await world.is_active(token), is_there(str(file))
        code, err = await ended(run)

    assert (code, err, mode, was_alive, is_alive) == (0, "", 0o600, True, False)
    assert task["told"]["task"] == run.read("task").strip()
    assert renewed["told"]["place"] == given["told"]["place"]
    places = {each["credential"]: each["place"] for each in mine["told"]["result"]}
    assert places.pop(given["told"]["credential"]) == given["told"]["place"]
    assert list(places.values()) == [None]  # the run's own need
    assert "orders:write is beyond this task" in beyond["text"]
    assert [each["told"] for each in why["told"]["result"]] == [beyond["text"].partition(": ")[2]]
    assert (is_placed, seen["ended_by"]) == (False, "given-back")
    assert token not in run.read("answers.json")
    assert not {"BROKER_URL", "BROKER_TOKEN_FILE"} & variables_of(run).keys()


async def test_what_nobody_gave_back_is_dead_with_the_run(world: World, tmp_path: Path) -> None:
    """A command that asks the desk by itself, and forgets."""
    script = tmp_path / "ask.py"
    script.write_text(
        "import json, shutil\n"
        "from broker.running.desk_client import DeskClient\n"
        f"told = DeskClient.of_environment().verb('ask', {READ!r}, dict)\n"
        "shutil.copy(told['place']['where'], 'taken')\n"
        "open('place', 'w').write(told['place']['where'])\n"
    )
    async with runs(world, tmp_path) as begin:
        code, _, err = await (run := begin(f"{sys.executable} {script}")).ended()

    token = token_in(run.read("taken"))
    assert (code, err) == (0, "")
    assert token.startswith("eyJ")
    assert not is_there(run.read("place"))
    assert not await world.is_active(token)


async def test_a_command_that_holds_no_secret_is_told_of_stand_ins_alone(
    world: World, tmp_path: Path
) -> None:
    """The stand-in works at its server; nothing else is given, and nothing more is issued."""
    calls = [
        ("ask_for_credential", READ),
        ("renew_credential", {"credential": "$credential"}),
        ("my_credentials", {}),
        ("ask_for_credential", READ | {"scopes": ["orders:write"]}),
        ("ask_for_credential", {"capability": "reports-read", "scopes": ["reports:read"]}),
        ("ask_for_credential", READ | {"scopes": []}),
        ("ask_for_credential", READ | {"tool": "search", "tool_origin": "https://s.example"}),
        ("give_up_credential", {"credential": "$credential"}),
        ("give_up_credential", {"credential": "l_00_" + "a" * 26}),
    ]
    async with shop(tmp_path) as (upstream, options), runs(world, tmp_path) as begin:
        run = await begun(begin, tmp_path, calls, *options)
        used = await fetched(run, tmp_path, f"https://localhost:{upstream.port}/v1/orders/7")
        (shown,) = upstream.received[0].values("authorization")
        is_alive = await world.is_active(shown.removeprefix("Bearer "))
        files = [file.read_text() for file in secret_files(run)]
        code, err = await ended(run)
    given, renewed, mine, *refused = answers(run)
    place = given["told"]["place"]
    assert (code, err, used, is_alive) == (0, "", "200\n", True)
    assert (place["kind"], place["where"][:8]) == ("stand-in", "standin_")
    assert f"https://localhost:{upstream.port} as Authorization: Bearer " in place["use"]
    assert renewed["told"] == given["told"]
    [only] = mine["told"]["result"]
    assert (only["credential"], only["place"]) == (given["told"]["credential"], place)
    assert [each["is_error"] for each in refused] == [True] * len(refused)
    for each in refused[:4]:
        assert "this run's command holds no secret" in each["text"]
    assert "gives it back when its command ends" in refused[4]["text"]
    assert "was not given here" in refused[5]["text"]
    assert shown.removeprefix("Bearer ") not in "".join(
        [run.read("answers.json"), run.read("variables"), *files]
    )


def secret_files(run: Running) -> list[Path]:
    """Return every file that the run has made for its command."""
    where = Path(variables_of(run)["BROKER_RUN_DIR"])
    return [file for file in where.rglob("*") if file.is_file()]


async def fetched(run: Running, folder: Path, url: str) -> str:
    """Use what the agent was told first, with the variables that it has."""
    variables = variables_of(run)
    line = [sys.executable, str(folder / "fetch.py"), url, "0"]
    done = await asyncio.to_thread(
        subprocess.run, line, env=variables, cwd=run.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.mark.parametrize(
    ("change", "options", "code", "told"),
    [
        ({"BROKER_RUN_TOKEN": "wrong"}, (), 1, "Show BROKER_RUN_TOKEN"),
        ({"BROKER_RUN_URL": "http://desk.example:80"}, (), 1, "BROKER_RUN_URL"),
        ({"BROKER_RUN_URL": "http://127.0.0.1:1"}, (), 1, "does not answer"),
        ({}, ("--task", "t_00_aaaaaaaaaaaaaaaaaaaaaaaaaa"), 2, "this run's task"),
        ({"BROKER_RUN_URL": ""}, (), 2, "--broker"),
    ],
    ids=["token", "elsewhere", "gone", "task", "no-run"],
)
async def test_without_its_run_nothing_is_spoken(
    change: dict[str, str], options: tuple[str, ...], code: int, told: str
) -> None:
    """By its exit code, and a sentence on standard error."""
    async with Desk(Shelf()) as desk:
        desk.offer(DeskVerbs(ScriptedVerbs()))
        there = {"BROKER_RUN_URL": desk.url, "BROKER_RUN_TOKEN": desk.token.reveal()}
        environment = {n: w for n, w in os.environ.items() if not n.startswith("BROKER_")}
        line = [sys.executable, "-m", "broker", "mcp", "serve", *options]
        done = await asyncio.to_thread(
            subprocess.run,
            line,
            env=environment | there | change,
            input="",
            capture_output=True,
            text=True,
        )

    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
