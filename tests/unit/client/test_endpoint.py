from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from broker.client.endpoint import Endpoint, open_session, parse_base_url, token_file
from broker.client.errors import TokenSourceError


async def token() -> str:
    """Return a workload token."""
    return "header.payload.signature"


@pytest.mark.parametrize(
    "text",
    [
        "https://broker.example",
        "https://broker.example/",
        "https://broker.example:8443/prefix",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://localhost:8080",
    ],
)
def test_tokens_go_over_tls_or_stay_on_this_machine(text: str) -> None:
    """TLS anywhere, clear text to a loopback address."""
    assert str(parse_base_url(text, allow_plain_http=False)).startswith(text.rstrip("/"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "broker.example",
        "/v1",
        "ftp://broker.example",
        "file:///etc/passwd",
        "https://",
        "https://user@broker.example",
        "https://user:pw@broker.example",
        "https://broker.example?x=1",
        "https://broker.example#x",
        "http://broker.example",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
    ],
)
def test_an_unfit_address_is_refused_at_construction(text: str) -> None:
    """A token is never sent to see whether it works."""
    with pytest.raises(ValueError, match="the URL must"):
        parse_base_url(text, allow_plain_http=False)


def test_plain_http_can_be_allowed_by_name() -> None:
    """Within a mesh that does the TLS itself, somebody has to say so."""
    url = parse_base_url("http://broker.internal:8080", allow_plain_http=True)

    assert str(url) == "http://broker.internal:8080"


async def test_routes_are_joined_below_the_base() -> None:
    """A prefix stays, and a segment cannot leave its place."""
    async with open_session() as session:
        endpoint = Endpoint("https://broker.example/prefix/", token, session)

        assert str(endpoint.url("v1", "tasks")) == "https://broker.example/prefix/v1/tasks"
        assert str(endpoint.url("v1", "a?b#c")) == "https://broker.example/prefix/v1/a%3Fb%23c"


async def test_a_session_that_keeps_cookies_is_refused() -> None:
    """Cookies cross from one origin to another; ours has none."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match="open_session"):
            Endpoint("https://broker.example", token, session)


async def test_the_token_is_asked_for_each_time() -> None:
    """A rotated token is used at once."""
    tokens = iter(["one", "two"])

    async def source() -> str:
        return next(tokens)

    async with open_session() as session:
        endpoint = Endpoint("https://broker.example", source, session)

        assert await endpoint.headers("GET", endpoint.url()) == {"Authorization": "Bearer one"}
        assert await endpoint.headers("GET", endpoint.url()) == {"Authorization": "Bearer two"}


async def raising() -> str:
    """Fail as user code may."""
    raise KeyError("secret-canary")


def returning(text: str) -> Callable[[], Awaitable[str]]:
    """Return a source of this text."""

    async def source() -> str:
        return text

    return source


@pytest.mark.parametrize(
    "source",
    [raising, *map(returning, ["", " ", "a b", "a\r\nX-Evil: 1", "a\n", "tökén", "Bearer x"])],
)
async def test_what_is_no_token_is_not_sent(source: Callable[[], Awaitable[str]]) -> None:
    """A failing source and a text that would break out of its header are one kind of error."""
    async with open_session() as session:
        endpoint = Endpoint("https://broker.example", source, session)

        with pytest.raises(TokenSourceError) as caught:
            await endpoint.headers("GET", endpoint.url())

    assert "canary" not in str(caught.value)


async def test_a_token_file_is_read_each_time(tmp_path: Path) -> None:
    """A projected volume replaces the file; the line end is no part of the token."""
    path = tmp_path / "token"
    source = token_file(path)

    path.write_text("one\n")
    assert await source() == "one"
    path.write_text("two")
    assert await source() == "two"
