import asyncio
import socket
from pathlib import Path

import pytest
from aiohttp import ClientSession

from broker.attestation.key_source import (
    FileKeySource,
    KeySourceError,
    UrlKeySource,
)
from broker.attestation.keyset import MAX_DOCUMENT_BYTES
from tests.fakes.issuer import FakeIssuer


async def test_the_text_is_fetched(issuer: FakeIssuer, session: ClientSession) -> None:
    """An honest answer comes through byte by byte, each time anew."""
    source = UrlKeySource(session, issuer.url, timeout_ms=3000)
    assert await source.fetch() == issuer.signer.jwks()
    issuer.signer.rotate("k2")
    assert await source.fetch() == issuer.signer.jwks()
    assert issuer.fetches == 2


@pytest.mark.parametrize(
    ("mood", "why"),
    [
        ("redirect", "status 302"),
        ("error", "status 500"),
        ("gzip", "content encoding"),
        ("bomb", "content encoding"),
        ("flood", "more than"),
        ("cut", "no answer"),
    ],
)
async def test_b6_a_lying_issuer_brings_no_text(
    issuer: FakeIssuer, session: ClientSession, mood: str, why: str
) -> None:
    """Redirects, errors, compression, a hundred megabytes and half answers are refused."""
    issuer.mood = mood
    with pytest.raises(KeySourceError, match=why):
        await UrlKeySource(session, issuer.url, timeout_ms=5000).fetch()
    assert issuer.others == 0


@pytest.mark.parametrize("mood", ["hang", "drip"])
async def test_b6_a_slow_issuer_is_given_up(
    issuer: FakeIssuer, session: ClientSession, mood: str
) -> None:
    """The bound is for the whole answer: a byte now and then does not prolong it."""
    issuer.mood = mood
    with pytest.raises(KeySourceError, match="in time"):
        await UrlKeySource(session, issuer.url, timeout_ms=200).fetch()


async def test_b6_the_loop_stays_free_while_an_issuer_floods(
    issuer: FakeIssuer, session: ClientSession
) -> None:
    """Other work goes on during a flood: it is read in pieces and cut off."""
    issuer.mood = "flood"
    fetch = asyncio.create_task(UrlKeySource(session, issuer.url, timeout_ms=5000).fetch())
    turns = 0
    while not fetch.done():
        turns += 1
        await asyncio.sleep(0)
    with pytest.raises(KeySourceError):
        fetch.result()
    assert turns > 3


async def test_b6_no_cookie_is_kept(issuer: FakeIssuer, session: ClientSession) -> None:
    """One answer does not mark the next request."""
    issuer.mood = "cookie"
    # By name: no client keeps cookies of bare addresses.
    url = issuer.url.replace("127.0.0.1", "localhost")
    source = UrlKeySource(session, url, timeout_ms=3000)
    await source.fetch()
    await source.fetch()
    assert "Cookie" not in issuer.seen[-1].headers
    assert issuer.seen[-1].headers["Accept-Encoding"] == "identity"


async def test_nobody_listening_is_no_text(session: ClientSession) -> None:
    """A refused connection is the same kind of failure."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(KeySourceError, match="no answer"):
        await UrlKeySource(session, f"http://127.0.0.1:{port}/", timeout_ms=3000).fetch()


async def test_a_host_that_cannot_be_is_no_text(session: ClientSession) -> None:
    """Whatever the library makes of a name, one error comes out."""
    for url in ("http://", "http://\u2024/", "http://a..b/", "nonsense"):
        with pytest.raises(KeySourceError):
            await UrlKeySource(session, url, timeout_ms=1000).fetch()


async def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    """A replaced file is seen at the next look."""
    path = tmp_path / "keys.json"
    path.write_bytes(b"one")
    source = FileKeySource(path)
    assert await source.fetch() == b"one"
    (tmp_path / "new").write_bytes(b"two")
    (tmp_path / "new").replace(path)
    assert await source.fetch() == b"two"


async def test_a_missing_or_unreadable_file_is_no_text(tmp_path: Path) -> None:
    """The message names the path and the cause."""
    with pytest.raises(KeySourceError, match=r"gone.*No such file"):
        await FileKeySource(tmp_path / "gone").fetch()
    with pytest.raises(KeySourceError, match="directory"):
        await FileKeySource(tmp_path).fetch()


@pytest.mark.parametrize("excess", [-1, 0, 1])
async def test_a_file_is_bounded(tmp_path: Path, excess: int) -> None:
    """Up to the bound it is read, beyond it is not."""
    path = tmp_path / "keys.json"
    path.write_bytes(b" " * (MAX_DOCUMENT_BYTES + excess))
    if excess <= 0:
        assert len(await FileKeySource(path).fetch()) == MAX_DOCUMENT_BYTES + excess
    else:
        with pytest.raises(KeySourceError, match="longer"):
            await FileKeySource(path).fetch()
