"""`broker panic`: the way to take access away that stands on nothing but the ledger."""

import asyncio
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from broker.cli import exits
from broker.cli.main import main
from broker.settings.settings import Audit
from tests.fakes.cast import AGENT, ROOT_OPERATOR
from tests.fakes.scene import Scene
from tests.fakes.world import World

EVERYTHING = {"agent", "legacy", "second", "child", "helper", "stock"}


@pytest.fixture
async def door(world: World, tmp_path: Path) -> Path:
    """The panic socket of a broker whose audit trail can be broken by a file."""
    path = world.config.settings().listen.unix
    assert path
    door = path.parent / "panic.sock"
    await world.stop()
    await world.start(panic_socket=door, audit=Audit(file=tmp_path / "trail" / "audit.jsonl"))
    return door


async def panic(door: Path, *arguments: str) -> int:
    """Run the command beside the broker."""
    line = ["panic", "--socket", str(door), "--reason", "a test says so", *arguments]
    return await asyncio.to_thread(main, line)


async def alive(world: World, scene: Scene) -> set[str]:
    """Ask the ledger itself: a broker that knows no key cannot be asked."""
    views = {
        name: await world.broker.ledger.leases.view(lease) for name, lease in scene.ids.items()
    }  # type: ignore[arg-type]
    return {name for name, view in views.items() if view.is_alive}


def shown(printed: str) -> dict[str, Any]:
    """Find the command's answer among what the broker logs."""
    order: dict[str, Any] = json.JSONDecoder().raw_decode(printed, printed.index("{\n"))[0]
    return order


DEAD = [
    (["--all", "--yes"], EVERYTHING),
    (["--all", "--in-tenant", "globex", "--yes"], {"stock"}),
    (["--tenant", "globex"], {"stock"}),
    (["--agent", "helper-bot"], {"child", "helper"}),
    (["--capability", "legacy-api"], {"legacy"}),
]


async def test_it_takes_away_when_policy_keys_and_audit_are_broken(
    world: World, door: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And without any token; the event waits in the ledger until a trail can be written."""
    scene = await Scene(world).prepare()
    shutil.rmtree(world.config.keys)
    shutil.rmtree(tmp_path / "trail")
    (tmp_path / "trail").write_text("in the way")
    await world.publish_raw("garbage", "0" * 64)
    await world.refresh()

    code = await panic(door, "--agent", "helper-bot", "--json")

    told = shown(capsys.readouterr().out)
    assert (code, told["acknowledged"]) == (exits.OK, True)
    assert told["ordered_by"].startswith("operator:panic/")
    assert await alive(world, scene) == EVERYTHING - {"child", "helper"}
    assert "jit_panics_total 1.0" in world.broker.metrics.exposition().body.decode()
    assert await world.told("revocation.ordered") == 1


@pytest.mark.parametrize(("arguments", "dead"), DEAD, ids=[str(a) for a, _ in DEAD])
async def test_it_reaches_every_tenant_and_what_is_named(
    world: World, door: Path, arguments: list[str], dead: set[str]
) -> None:
    """Nothing else dies."""
    scene = await Scene(world).prepare()

    assert await panic(door, *arguments) == exits.OK

    assert await alive(world, scene) == EVERYTHING - dead


async def test_it_alarms_and_names_the_user(
    world: World, door: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the log, and in the audit trail."""
    await Scene(world).prepare()

    await panic(door, "--all", "--yes", "--json")

    printed = capsys.readouterr().out
    assert "[critical" in printed
    order = shown(printed)
    name = order["ordered_by"].removeprefix("operator:panic/")
    trail = world.running[0].broker._settings.audit.file  # noqa: SLF001 - where it was told to write
    await world.until_logged(trail, f"operator:panic/{name}")
    seen = await world.get(ROOT_OPERATOR, f"/v1/revocations/{order['id']}")
    assert seen["ordered_by"] == order["ordered_by"]


async def test_it_can_do_nothing_but_revoke(world: World, door: Path) -> None:
    """No other route, no single thing that could be asked about, no nonsense."""
    scene = await Scene(world).prepare()
    assert stat.S_IMODE(os.stat(door).st_mode) == 0o600  # noqa: PTH116 - one look
    connector = aiohttp.UnixConnector(str(door))
    bodies = [
        ({"reason": "x"}, 400),
        ({"all": True}, 400),
        ({"agent": "a", "capability": "b", "reason": "x"}, 400),
        ({"credential": scene.ids["agent"], "reason": "x"}, 400),
        ({"task": scene.tasks["agent"], "reason": "x"}, 400),
        ({"set": "0" * 64, "reason": "x"}, 400),
    ]
    async with aiohttp.ClientSession(connector=connector) as session:
        for method, path in [("GET", "/v1/tasks"), ("POST", "/v1/tasks"), ("GET", "/healthz")]:
            async with session.request(method, f"http://broker{path}") as answer:
                assert answer.status == 404
        async with session.get("http://broker/v1/panic") as answer:
            assert answer.status == 405
        for body, status in bodies:
            async with session.post("http://broker/v1/panic", json=body) as answer:
                assert answer.status == status, body
        async with session.post("http://broker/v1/panic", data=b"{") as answer:
            assert answer.status == 415

    assert await alive(world, scene) == EVERYTHING


async def test_the_socket_is_gone_when_its_broker_is(
    world: World, door: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the command says what to do."""
    await world.stop()

    assert "panic.sock" not in os.listdir(door.parent)  # noqa: PTH208 - one look
    assert await panic(door, "--agent", "x") == exits.UNAVAILABLE
    assert "No broker takes orders at" in capsys.readouterr().err
    await world.start()
    assert (await world.get(AGENT, "/v1/tasks")).status == 200


def test_everything_asks_or_needs_to_be_sure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script says --yes; exactly one thing is named; a socket is known."""
    base = ["panic", "--reason", "x"]
    somewhere = ["--socket", str(tmp_path / "s")]

    assert main([*base, *somewhere, "--all"]) == exits.USAGE
    assert "--all without a terminal needs --yes" in capsys.readouterr().err
    assert main([*base, *somewhere]) == exits.USAGE
    assert main([*base, *somewhere, "--agent", "a", "--tenant", "t"]) == exits.USAGE
    (tmp_path / "broker.yaml").write_text("issuer: [broken\n")
    assert main([*base, "--agent", "a", "--config", str(tmp_path)]) in (exits.USAGE, 78)
