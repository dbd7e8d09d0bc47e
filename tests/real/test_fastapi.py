"""The ASGI guard under the server and the framework that people use."""

import asyncio
import os
import socket as sockets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from broker.clock import SystemClock
from tests.fakes import feed_server
from tests.fakes import token_mint as mint
from tests.fakes.resource_broker import ResourceBroker
from tests.fakes.until import until

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
NOW_S = SystemClock().now_ms() // 1000
MAX_AGE_MS = 2_000


@pytest.fixture
async def broker() -> AsyncIterator[ResourceBroker]:
    """Return a broker's feed and keys."""
    async with feed_server.running(ResourceBroker()) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def server(
    part: Callable[[str], Path], broker: ResourceBroker, tmp_path: Path
) -> AsyncIterator[str]:
    """Run the application under uvicorn; return its URL."""
    packages = part("fastapi").parents[1]
    (tmp_path / "token").write_text("workload-token\n")
    with sockets.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "uvicorn", "tests.real.fastapi_app:app"),
            *("--fd", str(listener.fileno()), "--log-level", "warning"),
            pass_fds=[listener.fileno()],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(packages)]),
                "BROKER": broker.url,
                "TOKEN_FILE": str(tmp_path / "token"),
                "MAX_AGE_MS": str(MAX_AGE_MS),
            },
        )
    try:
        yield url
    finally:
        process.terminate()
        assert await process.wait() in (0, -15)


def auth(**claims: object) -> dict[str, str]:
    """Return the header of a token that is good now."""
    times = {"iat": NOW_S, "iat_ms": NOW_S * 1000, "exp": NOW_S + 6 * 3600}
    return {"Authorization": f"Bearer {mint.token(**{**times, **claims})}"}


async def test_routes_are_open_to_whom_they_should_be(
    server: str, session: aiohttp.ClientSession
) -> None:
    """Every shape of endpoint, with a token, without, and with one that does not reach."""

    async def status(path: str, headers: dict[str, str] | None = None) -> int:
        async with session.get(server + path, headers=headers) as answer:
            return answer.status

    assert await status("/healthz") == 200
    good = ["/orders?page=2", "/whoami", f"/tasks/{mint.CHILD}", f"/starlette/{mint.CHILD}"]
    for path in good:
        assert (await status(path), await status(path, auth())) == (401, 200), path
    narrow = ["/admin", "/whoami-admin", f"/tasks/{mint.ROOT}", f"/starlette/{mint.ROOT}"]
    for path in narrow:
        assert (await status(path), await status(path, auth())) == (401, 403), path
    for path in ["/nowhere", "/openapi.json", "/docs"]:
        assert await status(path) == 401, path


async def test_the_answers_are_those_of_rfc_6750(
    server: str, session: aiohttp.ClientSession
) -> None:
    """Whatever the framework's own error pages would be."""
    async with session.get(f"{server}/admin", headers=auth()) as answer:
        assert answer.headers["WWW-Authenticate"].startswith(
            'Bearer realm="orders", error="insufficient_scope"'
        )
        assert answer.headers["WWW-Authenticate"].endswith('scope="orders:admin"')
        assert (await answer.json())["error"] == "insufficient_scope"
    async with session.get(f"{server}/orders", params={"page": "x"}, headers=auth()) as answer:
        assert answer.status == 422


async def test_a_websocket_needs_a_token_and_ends_with_it(
    server: str, session: aiohttp.ClientSession, broker: ResourceBroker
) -> None:
    """Refused at the handshake; closed with 1008 when the task is revoked."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(f"{server}/live")
    assert refused.value.status == 401

    async with session.ws_connect(f"{server}/live", headers=auth()) as live:
        assert await live.receive_str() == "helper"
        broker.kill({"task": mint.ROOT, "exp": NOW_S + 6 * 3600})
        async for message in live:
            assert message.data == "helper"
        assert live.close_code == 1008


async def test_a_stale_view_refuses_everything_with_503(
    server: str, session: aiohttp.ClientSession, broker: ResourceBroker
) -> None:
    """Until the feed is back."""
    statuses: list[int] = []

    async def ask() -> None:
        async with session.get(f"{server}/orders", headers=auth()) as answer:
            statuses.append(answer.status)

    await ask()
    broker.faults.silent = True
    while statuses[-1] != 503:
        await ask()
        await asyncio.sleep(0.05)
    broker.faults.silent = False
    while statuses[-1] != 200:
        await ask()
        await asyncio.sleep(0.05)
    assert set(statuses) == {200, 503}
    await until(lambda: bool(broker.acknowledged))


def test_the_application_of_the_guide_is_one(part: Callable[[str], Path], tmp_path: Path) -> None:
    """The block of docs/resource-owners.md, word for word, builds a guarded application."""
    page = (ROOT / "docs/resource-owners.md").read_text(encoding="utf-8")
    (program,) = (
        each for each in page.split("```python\n") if each.startswith("import os\nfrom p")
    )
    program = program.partition("```")[0] + "\nprint(app.user_middleware[0].cls.__name__)\n"
    packages = part("fastapi").parents[1]
    said = {"BROKER_URL": "https://broker.example", "BROKER_TOKEN_FILE": str(tmp_path / "token")}

    shown = subprocess.run(  # noqa: S603  our own interpreter and our own text
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | said | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(packages)])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == "BearerGuard\n"
