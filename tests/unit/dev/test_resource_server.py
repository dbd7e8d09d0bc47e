import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from broker.client.endpoint import open_session
from broker.clock import SystemClock
from tests.fakes import feed_server
from tests.fakes import token_mint as mint
from tests.fakes.resource_broker import ResourceBroker as Broker
from tests.fakes.until import until

NOW_S = SystemClock().now_ms() // 1000
DEATH_S = 20.0


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    """Return a running broker."""
    async with feed_server.running(Broker()) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session."""
    async with open_session() as session:
        yield session


def arguments(broker: Broker, state: Path, *more: str) -> list[str]:
    """Return the server's command line, with its token file in place."""
    (state / "token").write_text("workload-token\n")
    options = {
        "--broker": broker.url,
        "--issuer": mint.ISSUER,
        "--audience": mint.AUDIENCE,
        "--token-file": str(state / "token"),
        "--state": str(state),
    }
    words = [word for pair in options.items() for word in pair]
    return [sys.executable, "-m", "broker.dev.resource_server", *words, *more]


@asynccontextmanager
async def running(broker: Broker, state: Path, *more: str) -> AsyncIterator[Process]:
    """Run the server as its own process."""
    process = await asyncio.create_subprocess_exec(*arguments(broker, state, *more))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def announced(state: Path) -> dict[str, object]:
    """Wait for resource.json and return what it says."""
    path = state / "resource.json"
    await until(path.exists)
    said: dict[str, object] = json.loads(path.read_text())
    return said


def fresh_token(**changes: object) -> str:
    """Return a token that is good now."""
    times = {"iat": NOW_S, "iat_ms": NOW_S * 1000, "exp": NOW_S + 6 * 3600}
    return mint.token(**{**times, **changes})


def auth(**changes: object) -> dict[str, str]:
    """Return the header of such a token."""
    return {"Authorization": f"Bearer {fresh_token(**changes)}"}


async def test_it_serves_orders_to_good_tokens_until_they_are_revoked(
    broker: Broker, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Read and write by scope; the feed's word ends it; its own token comes from the file."""
    async with running(broker, tmp_path) as process:
        said = await announced(tmp_path)
        url = f"{said['url']}/orders"
        assert said["pid"] == process.pid

        async with session.post(url, headers=auth(), json={"item": "tea"}) as answer:
            assert answer.status == 201
        async with session.get(url, headers=auth()) as answer:
            order = {"item": "tea", "agent": "helper", "task": mint.CHILD}
            assert await answer.json() == {"orders": [order], "agent": "helper"}
        async with session.post(url, headers=auth(scope="orders:read"), json={}) as answer:
            assert answer.status == 403
        for scope, status in (("orders:export", 200), ("orders:read", 403)):
            async with session.get(f"{url}/export", headers=auth(scope=scope)) as answer:
                assert answer.status == status
        async with session.get(url) as answer:
            assert answer.status == 401

        broker.kill({"task": mint.ROOT, "exp": NOW_S + 6 * 3600})
        await until(lambda: bool(broker.acknowledged) and broker.acknowledged[-1][1] == broker.seq)
        async with session.get(url, headers=auth()) as answer:
            assert answer.status == 401
            assert "revoked" in answer.headers["WWW-Authenticate"]

    assert set(broker.authorizations) == {"Bearer workload-token"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"item":1}', b'{"item":"a","item":"b"}'])
async def test_a_malformed_order_is_refused(
    broker: Broker, session: aiohttp.ClientSession, tmp_path: Path, body: bytes
) -> None:
    """The example parses as strictly as it should be copied."""
    async with running(broker, tmp_path, "--check", "offline"):
        url = (await announced(tmp_path))["url"]
        async with session.post(f"{url}/orders", headers=auth(), data=body) as answer:
            assert answer.status == 400


async def test_it_says_nothing_before_its_view_is_current(broker: Broker, tmp_path: Path) -> None:
    """Whoever waits for the file may rely on the server's judgement."""
    broker.faults.silent = True
    async with running(broker, tmp_path):
        await until(lambda: bool(broker.requests))
        await asyncio.sleep(0.2)
        assert not (tmp_path / "resource.json").exists()

        broker.faults.silent = False
        await announced(tmp_path)


async def test_a_view_beyond_its_bound_refuses(
    broker: Broker, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The bound is the one from the command line."""
    async with running(broker, tmp_path, "--staleness-ms", "200"):
        url = (await announced(tmp_path))["url"]
        broker.faults.silent = True
        await asyncio.sleep(0.4)

        async with session.get(f"{url}/orders", headers=auth()) as answer:
            assert answer.status == 503
            assert "Retry-After" in answer.headers


async def test_it_can_ask_instead(
    broker: Broker, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """With introspection the broker's answer counts at once, and no feed is opened."""
    async with running(broker, tmp_path, "--check", "introspect"):
        url = (await announced(tmp_path))["url"]
        async with session.get(f"{url}/orders", headers=auth()) as answer:
            assert answer.status == 200

        broker.introspection = {"active": False}
        async with session.get(f"{url}/orders", headers=auth()) as answer:
            assert answer.status == 401

    assert broker.requests == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_when_told(broker: Broker, tmp_path: Path, number: signal.Signals) -> None:
    """Cleanly, with code 0."""
    async with running(broker, tmp_path) as process:
        await announced(tmp_path)

        process.send_signal(number)

        assert await asyncio.wait_for(process.wait(), DEATH_S) == 0


async def test_it_ends_while_it_still_waits_for_the_broker(broker: Broker, tmp_path: Path) -> None:
    """A server that never became ready can be told to stop as well."""
    broker.faults.silent = True
    async with running(broker, tmp_path) as process:
        await until(lambda: bool(broker.requests))

        process.terminate()

        assert await asyncio.wait_for(process.wait(), DEATH_S) == 0


async def test_it_dies_with_its_parent(broker: Broker, tmp_path: Path) -> None:
    """Killing who started it leaves nothing running."""
    code = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    command = [sys.executable, "-c", code, *arguments(broker, tmp_path)]
    parent = await asyncio.create_subprocess_exec(*command)
    pid = (await announced(tmp_path))["pid"]
    assert isinstance(pid, int)

    parent.kill()
    await parent.wait()

    await until(lambda: not _is_running(pid))


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
