import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession

from broker.attestation.discovery import DiscoveryKeySource
from broker.attestation.url_reader import Access, KeySourceError
from tests.fakes.issuer import METADATA_PATH, FakeIssuer, encode
from tests.fakes.until import until

ISSUER = "https://issuer.example"


def source_of(
    issuer: FakeIssuer, session: ClientSession, *, timeout_ms: int = 30_000, **access: Path
) -> DiscoveryKeySource:
    """Make the source that a declaration of this issuer makes."""
    return DiscoveryKeySource(
        session,
        issuer.issuer + METADATA_PATH,
        issuer.issuer,
        timeout_ms=timeout_ms,
        access=Access(**access),
    )


async def test_the_keys_are_found_through_the_metadata(
    issuer: FakeIssuer, session: ClientSession
) -> None:
    """Each look reads both anew, so that keys that move are found."""
    source = source_of(issuer, session)
    assert await source.fetch() == issuer.signer.jwks()

    issuer.metadata = {"jwks_uri": f"{issuer.issuer}/elsewhere"}
    issuer.signer.rotate("k2")

    assert await source.fetch() == issuer.signer.jwks()
    assert (issuer.fetches, issuer.others) == (1, 1)


@pytest.mark.parametrize(
    "named", [ISSUER + "/", ISSUER.upper(), "https://other.example", "", None, 1, [ISSUER]]
)
def test_b11_metadata_of_another_issuer_lead_nowhere(session: ClientSession, named: object) -> None:
    """The issuer is compared letter by letter (RFC 8414 §3.3): nothing is folded."""
    source = DiscoveryKeySource(session, ISSUER + METADATA_PATH, ISSUER, timeout_ms=1000)

    with pytest.raises(KeySourceError, match="not exactly the declared one"):
        source.keys_url(encode({"issuer": named, "jwks_uri": f"{ISSUER}/jwks"}))


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/jwks",
        "http://127.0.0.1:6379/",
        "https://127.0.0.1/",
        "https://localhost:8443/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:169.254.169.254]/",
        "file:///etc/passwd",
        "https://user:secret@issuer.example/jwks",
        "/jwks",
        "",
        None,
        ["https://issuer.example/jwks"],
        "https://issuer.example/" + "a" * 2048,
    ],
)
def test_c8_metadata_cannot_lead_where_a_declaration_could_not(
    session: ClientSession, url: object
) -> None:
    """Not to plain HTTP, not to this machine, not to cloud metadata, not to a file."""
    source = DiscoveryKeySource(session, ISSUER + METADATA_PATH, ISSUER, timeout_ms=1000)

    with pytest.raises(KeySourceError, match="jwks_uri"):
        source.keys_url(encode({"issuer": ISSUER, "jwks_uri": url}))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b'{"issuer":"%b","issuer":"x","jwks_uri":"https://x/"}' % ISSUER.encode(),
        b'{"issuer":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"\xff\xfe{}",
    ],
)
def test_b17_malformed_metadata_lead_nowhere(session: ClientSession, document: bytes) -> None:
    """They are read as strictly as a token: repeated names and nesting are refused."""
    source = DiscoveryKeySource(session, ISSUER + METADATA_PATH, ISSUER, timeout_ms=1000)

    with pytest.raises(KeySourceError, match="metadata"):
        source.keys_url(document)


@pytest.mark.parametrize(
    ("mood", "why"),
    [
        ("redirect", "status 302"),
        ("error", "status 500"),
        ("gzip", "content encoding"),
        ("bomb", "content encoding"),
        ("flood", "more than"),
        ("html", "content type"),
        ("garbage", "UTF-8"),
        ("nested", "nested deeper"),
        ("cut", "no answer"),
    ],
)
async def test_b6_a_lying_metadata_server_brings_no_keys(
    issuer: FakeIssuer, session: ClientSession, mood: str, why: str
) -> None:
    """The same bounds as for a key set, and the key set is not asked for."""
    issuer.mood, issuer.sick_path = mood, METADATA_PATH

    with pytest.raises(KeySourceError, match=why):
        await source_of(issuer, session).fetch()

    assert (issuer.fetches, issuer.others) == (0, 0)


@pytest.mark.parametrize("path", [METADATA_PATH, "/jwks"])
@pytest.mark.parametrize("mood", ["hang", "drip"])
async def test_b6_one_bound_of_time_holds_for_both_answers(
    issuer: FakeIssuer, session: ClientSession, mood: str, path: str
) -> None:
    """Whichever of the two is slow."""
    issuer.mood, issuer.sick_path = mood, path

    with pytest.raises(KeySourceError, match="in time"):
        await source_of(issuer, session, timeout_ms=300).fetch()


async def test_a_token_is_shown_to_the_declared_server_alone(
    issuer: FakeIssuer, session: ClientSession, tmp_path: Path
) -> None:
    """An API server that asks for one gets it; whoever its metadata name does not."""
    file = tmp_path / "token"
    file.write_text("pod-token\n")
    other = FakeIssuer(issuer.signer)
    await other.start()
    source = source_of(issuer, session, token_file=file)

    await source.fetch()
    issuer.metadata = {"jwks_uri": other.url}
    await source.fetch()
    await other.stop()

    shown = [request.headers.get("Authorization") for request in issuer.seen]
    assert shown == ["Bearer pod-token"] * 3
    assert [request.headers.get("Authorization") for request in other.seen] == [None]


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff", b"x" * 17_000])
async def test_a_file_without_a_token_is_not_sent(
    issuer: FakeIssuer, session: ClientSession, tmp_path: Path, content: bytes
) -> None:
    """Its name is told, its content is not."""
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(KeySourceError, match="token: holds no token"):
        await source_of(issuer, session, token_file=file).fetch()

    assert issuer.seen == []


async def test_an_authority_that_cannot_be_read_is_no_authority(
    issuer: FakeIssuer, session: ClientSession, tmp_path: Path
) -> None:
    """A missing or empty file never means: any authority will do."""
    empty = tmp_path / "ca.pem"
    empty.write_text("")

    for file in (empty, tmp_path / "gone.pem"):
        with pytest.raises(KeySourceError, match="cannot use"):
            await source_of(issuer, session, ca_file=file).fetch()

    assert issuer.seen == []


async def test_a_caller_that_goes_away_leaves_nothing_behind(
    issuer: FakeIssuer, session: ClientSession
) -> None:
    """A cancelled look ends with its request."""
    issuer.mood = "hang"
    look = asyncio.create_task(source_of(issuer, session).fetch())
    await until(lambda: issuer.fetches > 0)

    look.cancel()

    with pytest.raises(asyncio.CancelledError):
        await look
