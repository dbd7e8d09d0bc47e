"""`broker run --proxy`: the command holds a stand-in, and its server gets the credential."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.e2e.test_run import KEEP, runs
from tests.fakes.cast import OPERATOR
from tests.fakes.certificates import Authority
from tests.fakes.eventually_true import eventually_true
from tests.fakes.proxy_lab import Upstream
from tests.fakes.run_command import WAIT
from tests.fakes.until import until
from tests.fakes.world import World

FETCH = """
import os, sys, urllib.error, urllib.request
line = open(os.environ["ORDERS_API_HEADER_FILE"]).read().strip()
name, _, value = line.partition(": ")
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(urllib.request.Request(url, headers={name: value})).status)
    except urllib.error.HTTPError as error:
        print(error.code)
    except urllib.error.URLError as error:
        print(error.reason)
"""


@contextlib.asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[tuple[Upstream, list[str]]]:
    """Serve orders over TLS on this machine; return the options that declare it."""
    authority = Authority(folder, "shop")
    async with Upstream().running(authority.server_context(hosts=("localhost",))) as upstream:
        route = {"need": "orders-api", "id": "orders", "host": "localhost", "local": True}
        what = {"port": upstream.port, "methods": ["GET"], "paths": ["/v1/orders/**"]}
        routes = folder / "routes.json"
        routes.write_text(json.dumps([route | what]))
        ca, log = str(authority.ca_file), str(folder / "uses.jsonl")
        yield (
            upstream,
            ["--proxy", str(routes), "--only-declared", "--upstream-ca", ca, "--proxy-log", log],
        )


async def test_a_command_uses_a_credential_that_it_never_holds(
    world: World, tmp_path: Path
) -> None:
    """Its server is shown a token that is alive; file, desk and environment have a stand-in."""
    fetch = tmp_path / "fetch.py"
    fetch.write_text(FETCH)
    async with shop(tmp_path) as (upstream, options), runs(world, tmp_path) as begin:
        at = f"https://localhost:{upstream.port}"
        urls = f"{at}/v1/orders/7 {at}/v1/secret https://undeclared.test/"
        run = begin(f"{KEEP}{sys.executable} {fetch} {urls} > answers; env > env; {WAIT}", *options)
        await run.started()
        (token,) = upstream.received[0].values("authorization")
        is_alive = await world.is_active(token.removeprefix("Bearer "))
        run.go()
        code, out, err = await run.ended()

    assert (code, is_alive, len(upstream.received)) == (0, True, 1)
    assert run.read("answers").splitlines() == [
        "200",
        "403",
        "Tunnel connection failed: 403 Forbidden (jit-broker: undeclared-host)",
    ]
    held = run.read("token") + run.read("env") + out + err
    assert run.read("token").startswith("standin_")
    assert token.removeprefix("Bearer ") not in held
    assert not await world.is_active(token.removeprefix("Bearer "))
    uses = [json.loads(line) for line in (tmp_path / "uses.jsonl").read_text().splitlines()]
    assert [(use["outcome"], use.get("problem")) for use in uses] == [
        ("answered", None),
        ("refused", "not-declared"),
        ("refused", "undeclared-host"),
    ]
    assert uses[0]["credential"].startswith("l_")
    await _is_told(world, run.read("task").strip(), uses[0]["credential"])


async def _is_told(world: World, task: str, credential: str) -> None:
    """Look at what the broker was told before the task ended: by the task, and in the trail."""
    shown = await world.get(OPERATOR, f"/v1/tasks/{task}/uses")
    assert shown["said_by"] == "agent"
    said = [(each["outcome"], each["problem"], each["times"]) for each in shown["uses"]]
    assert ("answered", "", 1) in said
    assert {problem for _, problem, _ in said} == {"", "not-declared", "undeclared-host"}
    await until(lambda: len(_in_the_trail(world)) >= 3)
    told = _in_the_trail(world)
    [used] = [use for use in told if use["outcome"] == "answered"]
    assert (used["credential"], used["capability"]) == (credential, "orders-api")
    assert (used["scopes"], used["rule"], used["status"]) == (["orders:read"], "orders", 200)
    assert "/v1/orders" not in json.dumps(told)


def _in_the_trail(world: World) -> list[dict[str, Any]]:
    lines = map(json.loads, world.config.settings().audit.file.read_text().splitlines())
    return [use for line in lines if line["type"] == "use.said" for use in line["uses"]]


async def test_what_was_told_outlives_a_run_that_is_killed(world: World, tmp_path: Path) -> None:
    """It is told soon, not at the end alone."""
    fetch = tmp_path / "fetch.py"
    fetch.write_text(FETCH)
    async with shop(tmp_path) as (upstream, options), runs(world, tmp_path) as begin:
        url = f"https://localhost:{upstream.port}/v1/orders/7"
        run = begin(f"{KEEP}{sys.executable} {fetch} {url}; {WAIT}", *options)
        await run.started()
        path = f"/v1/tasks/{run.read('task').strip()}/uses"

        async def is_told() -> bool:
            return bool((await world.get(OPERATOR, path))["uses"])

        await eventually_true(is_told, "the use")
        run.send(signal.SIGKILL)
        await run.ended()

    [use] = (await world.get(OPERATOR, path))["uses"]
    assert (use["outcome"], use["times"], use["capability"]) == ("answered", 1, "orders-api")


async def test_uses_that_come_after_the_tasks_end_are_said_to_be_missing(
    world: World, tmp_path: Path
) -> None:
    """Whoever has ended it was not the run, which says how many and why."""
    fetch = tmp_path / "fetch.py"
    fetch.write_text(FETCH)
    async with shop(tmp_path) as (upstream, options), runs(world, tmp_path) as begin:
        stray = f"https://localhost:{upstream.port}/v1/secret"
        script = f"{KEEP}{WAIT}{sys.executable} {fetch} {stray} {stray}"
        run = begin(script, *options, "--on-revoked", "warn")
        await run.started()
        task = run.read("task").strip()
        await world.post(OPERATOR, f"/v1/tasks/{task}/cancel", {"reason": "INC-7"})
        run.go()
        _, _, err = await run.ended()

    assert "2 uses were not told to the broker" in err
    assert (await world.get(OPERATOR, f"/v1/tasks/{task}/uses"))["uses"] == []


async def test_the_desk_hands_out_nothing_of_what_goes_through_the_proxy(
    world: World, tmp_path: Path
) -> None:
    """It is reached through the proxy, too, by clients that go through it whatever they ask for."""
    ask = (
        "import os, urllib.request, urllib.error\n"
        "url = os.environ['BROKER_RUN_URL'] + '/v1/credentials/orders-api'\n"
        "head = {'Authorization': 'Bearer ' + os.environ['BROKER_RUN_TOKEN']}\n"
        "try: urllib.request.urlopen(urllib.request.Request(url, headers=head))\n"
        "except urllib.error.HTTPError as error: print(error.code, error.read().decode())\n"
    )
    script = tmp_path / "ask.py"
    script.write_text(ask)
    async with shop(tmp_path) as (_, options), runs(world, tmp_path) as begin:
        code, out, err = await begin(f"{sys.executable} {script}", *options).ended()

    assert (code, err) == (0, "")
    assert out.startswith("403"), out
    assert "need-is-proxied" in out


async def test_what_could_not_work_is_said_before_the_command_starts(
    world: World, tmp_path: Path
) -> None:
    """A word that the credential has not, a log that cannot be written."""
    route = {"need": "orders-api", "id": "r", "host": "a.test", "methods": ["GET"], "paths": ["/"]}
    put = {"put": {"header": "X-Key", "template": "{key}"}}
    fits, not_fits = tmp_path / "fits.json", tmp_path / "not.json"
    fits.write_text(json.dumps([route]))
    not_fits.write_text(json.dumps([route | put]))
    nowhere = str(tmp_path / "nowhere" / "uses.jsonl")
    cases = {
        ("--proxy", str(not_fits)): "the route r puts in key, and orders-api has access_token",
        ("--proxy", str(fits), "--proxy-log", nowhere): f"--proxy-log {nowhere}: No such file",
    }
    async with runs(world, tmp_path) as begin:
        started = {options: begin("touch ran", *options) for options in cases}
        ended = await asyncio.gather(*(run.ended() for run in started.values()))

    for (options, run), (code, _, err) in zip(started.items(), ended, strict=True):
        assert code == 77, err
        assert cases[options] in err
        assert not (run.folder / "ran").exists()


async def test_a_shape_that_signs_or_speaks_no_http_does_not_go_with_it(
    world: World, tmp_path: Path
) -> None:
    """Nothing is started: the command could do nothing with the stand-in."""
    async with shop(tmp_path) as (_, options), runs(world, tmp_path) as begin:
        run = begin("touch ran", *options, "--as", "kubeconfig=https://cluster.example")
        code, _, err = await run.ended()

    assert code == 77, err
    assert "--proxy" in err
    assert not (run.folder / "ran").exists()
