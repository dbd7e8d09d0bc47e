"""The way to a server: TLS that is judged, a token that is shown, and nothing else of ours."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from broker.engines.channel import Channel, NoAnswerError
from broker.settings.policy import PolicySettings
from tests.fakes.certificates import Authority
from tests.fakes.engine_server import opa, serving

PATH = "/v1/data/jit/decision"


@asynccontextmanager
async def tls_server(context: ssl.SSLContext) -> AsyncIterator[str]:
    """Run a server that answers everything with an empty object."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({})

    application = web.Application()
    application.router.add_post("/{rest:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def ask(settings: PolicySettings) -> bytes:
    """Ask once."""
    channel = Channel(settings)
    try:
        return (await channel.ask(settings.url, b"{}", {})).body
    finally:
        await channel.close()


async def failing(settings: PolicySettings) -> str:
    """Return why there is no answer."""
    with pytest.raises(NoAnswerError) as caught:
        await ask(settings)
    return str(caught.value)


async def test_a_server_is_believed_by_the_authority_that_is_named(tmp_path: Path) -> None:
    """And by no other."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    async with tls_server(ours.server_context()) as url:
        assert await ask(opa(url, ca_file=ours.ca_file)) == b"{}"
        assert "ca_file" in await failing(opa(url, ca_file=other.ca_file))
        assert "ca_file" in await failing(opa(url))


async def test_a_server_that_wants_a_certificate_gets_ours(tmp_path: Path) -> None:
    """Without one it answers nothing."""
    ours = Authority(tmp_path, "ours")
    cert_file, key_file = ours.issue("broker")
    async with tls_server(ours.server_context(asks_clients=True)) as url:
        shown = opa(url, ca_file=ours.ca_file, cert_file=cert_file, key_file=key_file)
        assert await ask(shown) == b"{}"
        assert await failing(opa(url, ca_file=ours.ca_file))


async def test_a_replaced_token_is_shown_from_the_next_question_on(tmp_path: Path) -> None:
    """Nobody restarts a broker for it."""
    file = tmp_path / "token"
    file.write_text("first\n")
    async with serving(lambda _: {}) as server:
        settings = opa(server.url, token_file=file)
        channel = Channel(settings)
        for token in ("first", "second"):
            file.write_text(token)
            await channel.ask(settings.url, b"{}", {})
        await channel.close()

    assert [shown["Authorization"] for shown in server.shown] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("text", ["", "\n", "to\nken", "tökén", "x" * 20_000], ids=repr)
async def test_a_file_without_a_token_asks_nothing(tmp_path: Path, text: str) -> None:
    """The file is named, what it holds is not."""
    file = tmp_path / "token"
    file.write_text(text)
    async with serving(lambda _: {}) as server:
        why = await failing(opa(server.url, token_file=file))

    assert why == "cannot use token: holds no token"
    assert server.asked == []


async def test_a_missing_file_asks_nothing(tmp_path: Path) -> None:
    """Of token or certificate."""
    async with serving(lambda _: {}) as server:
        why = await failing(opa(server.url, token_file=tmp_path / "absent"))
        assert "cannot use absent" in why
        secure = server.url.replace("http:", "https:")
        assert "cannot use absent" in await failing(opa(secure, ca_file=tmp_path / "absent"))

    assert server.asked == []


async def test_nothing_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between a broker and who decides."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(lambda _: {}) as server:
        assert await ask(opa(server.url)) == b"{}"


async def test_cookies_are_not_kept() -> None:
    """A server cannot mark us."""

    def say(_: Any) -> Any:
        return web.json_response({}, headers={"Set-Cookie": "id=7"})

    async with serving(say) as server:
        settings = opa(server.url)
        channel = Channel(settings)
        for _ in range(2):
            await channel.ask(settings.url, b"{}", {})
        await channel.close()

    assert all("Cookie" not in shown for shown in server.shown)
    assert server.paths == [PATH, PATH]
