"""`broker run --proxy`: the command holds a stand-in, and its server gets the credential."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.test_run import KEEP, runs
from tests.fakes.certificates import Authority
from tests.fakes.proxy_lab import Upstream
from tests.fakes.run_command import WAIT
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


async def test_options_that_do_not_go_together_start_nothing(world: World, tmp_path: Path) -> None:
    """The text names the option or the member, and the fix."""
    stray = tmp_path / "stray.json"
    stray.write_text('[{"need": "other", "host": "a.test", "methods": ["GET"], "paths": ["/**"]}]')
    bad = tmp_path / "bad.json"
    bad.write_text('[{"need": "orders-api", "host": "10.0.0.1", "methods": [], "paths": []}]')
    broken = tmp_path / "broken.json"
    broken.write_text("[")
    cases = {
        ("--only-declared",): "--proxy",
        ("--proxy", str(stray)): "other-0",
        ("--proxy", str(bad)): "routes[0].host",
        ("--proxy", str(broken)): "not JSON",
    }
    async with runs(world, tmp_path) as begin:
        started = {options: begin("touch ran", *options) for options in cases}
        ended = await asyncio.gather(*(run.ended() for run in started.values()))

    for (options, run), (code, _, err) in zip(started.items(), ended, strict=True):
        assert code == 2, err
        assert cases[options] in err
        assert not (run.folder / "ran").exists()


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
