import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from botocore.credentials import ContainerMetadataFetcher, ContainerProvider

from broker.running.desk import Desk
from broker.running.desk_client import DeskClient
from broker.running.errors import (
    DeskRefusedError,
    DeskUnreachableError,
    NeedIsProxiedError,
    NoCredentialNowError,
    NotAnAwsNeedError,
    NotInARunError,
    UnknownNeedError,
)
from broker.secret import Secret
from tests.fakes.held_values import BUCKET, DATABASE, ORDERS, Shelf

PROXIED = "database"


@pytest.fixture
def shelf() -> Shelf:
    """Three needs, of which one is for the proxy alone."""
    return Shelf(ORDERS, BUCKET, DATABASE)


@pytest.fixture
async def desk(shelf: Shelf) -> AsyncIterator[Desk]:
    """A desk that is open."""
    async with Desk(shelf, proxied=frozenset({PROXIED})) as desk:
        yield desk


async def ask(desk: Desk, path: str, **headers: str) -> tuple[int, dict[str, object]]:
    """Ask by hand; without headers, as the command does."""
    shown = headers or {"Authorization": desk.token.reveal()}
    async with aiohttp.ClientSession() as session, session.get(desk.url + path, headers=shown) as a:
        return a.status, json.loads(await a.read())


def client_of(desk: Desk, token: str = "") -> DeskClient:
    """Make a client as a helper of the command does."""
    shown = {"BROKER_RUN_URL": desk.url, "BROKER_RUN_TOKEN": token or desk.token.reveal()}
    return DeskClient.of_environment(shown)


async def test_a_need_is_told_with_all_its_words(desk: Desk) -> None:
    """In the documented form."""
    status, told = await ask(desk, "/v1/credentials/orders")

    assert status == 200
    assert told == {
        "name": "orders",
        "capability": "orders-capability",
        "kind": "jwt",
        "credential_id": ORDERS.credential_id,
        "expires_at": "2030-01-02T03:04:05.000Z",
        "values": {"access_token": "canary-token"},
    }


async def test_each_answer_has_what_is_alive_when_it_is_asked_for(desk: Desk, shelf: Shelf) -> None:
    """A renewal is seen by the next request; nothing alive is 503, and passes."""
    shelf.renew("orders", access_token="younger")
    _, younger = await ask(desk, "/v1/credentials/orders")
    shelf.now["orders"] = None
    gone = await ask(desk, "/v1/credentials/orders")
    shelf.now["orders"] = ORDERS
    back, _ = await ask(desk, "/v1/credentials/orders")

    assert younger["values"] == {"access_token": "younger"}
    assert (gone[0], gone[1]["code"], back) == (503, "no-credential-now", 200)


@pytest.mark.parametrize("shape", ["{}", "Bearer {}", "bearer {}"])
async def test_the_token_is_taken_raw_or_as_bearer(desk: Desk, shape: str) -> None:
    """AWS's tools send it raw, everybody else as Bearer."""
    shown = shape.format(desk.token.reveal())

    assert (await ask(desk, "/v1/credentials/orders", Authorization=shown))[0] == 200


@pytest.mark.parametrize(
    "shown", ["wrong", "Bearer wrong", "", "Bearer ", "Basic {}", "{} {}", "{}x", "\u00fc"]
)
@pytest.mark.parametrize("path", ["/v1/credentials/orders", "/aws/bucket", "/nowhere"])
async def test_nothing_is_told_without_the_token(desk: Desk, shown: str, path: str) -> None:
    """Not even which paths there are."""
    token = desk.token.reveal()
    status, told = await ask(desk, path, Authorization=shown.format(token, token))

    assert (status, told["code"]) == (401, "unauthenticated")


async def test_nothing_is_told_without_any_header_or_with_two(desk: Desk) -> None:
    """Two would leave open which one counts."""
    none, _ = await ask(desk, "/v1/credentials/orders", Accept="*/*")
    token = desk.token.reveal()
    request = (
        f"GET /v1/credentials/orders HTTP/1.1\r\nHost: {desk.url[7:]}\r\nConnection: close\r\n"
        f"Authorization: {token}\r\nAuthorization: {token}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", int(desk.url.rpartition(":")[2]))
    writer.write(request.encode())
    answer = await reader.read()
    writer.close()

    assert none == 401
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"canary" not in answer


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "[::1]:80"])
async def test_a_page_with_a_rebound_name_is_turned_away(desk: Desk, host: str) -> None:
    """Although it was somehow told the token."""
    port = desk.url.rpartition(":")[2]
    shown = {"Authorization": desk.token.reveal(), "Host": host.format(port=port)}

    status, told = await ask(desk, "/v1/credentials/orders", **shown)

    assert (status, told["code"]) == (421, "misdirected")


async def test_a_browser_is_turned_away(desk: Desk) -> None:
    """No part of a run is in one."""
    shown = {"Authorization": desk.token.reveal(), "Origin": desk.url}

    assert (await ask(desk, "/v1/credentials/orders", **shown))[0] == 421


async def test_it_listens_on_the_loopback_alone(desk: Desk) -> None:
    """On a port that the machine has chosen."""
    assert desk.url.startswith("http://127.0.0.1:")


async def test_a_proxied_need_is_not_to_be_had(desk: Desk) -> None:
    """The command has a stand-in; the secret is the proxy's."""
    status, told = await ask(desk, "/v1/credentials/database")

    assert (status, told["code"]) == (403, "need-is-proxied")
    assert "canary" not in json.dumps(told)


async def test_answers_are_not_to_be_kept(desk: Desk) -> None:
    """By no cache on the way."""
    shown = {"Authorization": desk.token.reveal()}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{desk.url}/v1/credentials/orders", headers=shown) as answer,
    ):
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_client_reads_what_the_desk_says(desk: Desk, shelf: Shelf) -> None:
    """Every word of it."""
    client = client_of(desk)

    told = await asyncio.to_thread(client.credential, "orders")
    expected = await shelf.current("orders")

    assert told.values["access_token"].reveal() == "canary-token"
    assert (told.name, told.kind, told.capability) == ("orders", "jwt", "orders-capability")
    assert (told.credential_id, told.expires_at) == (expected.credential_id, expected.expires_at)
    assert "canary" not in repr(told)


async def test_the_client_says_which_refusal_it_was(desk: Desk, shelf: Shelf) -> None:
    """One class for each."""
    client = client_of(desk)
    shelf.now["orders"] = None

    for need, kind in (
        ("nobody", UnknownNeedError),
        ("../orders", UnknownNeedError),
        ("database", NeedIsProxiedError),
        ("orders", NoCredentialNowError),
    ):
        with pytest.raises(kind):
            await asyncio.to_thread(client.credential, need)
    shelf.now["orders"] = ORDERS
    with pytest.raises(NotAnAwsNeedError):
        await asyncio.to_thread(client.aws, "orders")
    with pytest.raises(DeskRefusedError):
        await asyncio.to_thread(client_of(desk, "wrong").credential, "orders")


async def test_the_client_meets_no_desk_any_more(shelf: Shelf) -> None:
    """The run has ended."""
    async with Desk(shelf) as desk:
        client = client_of(desk)

    with pytest.raises(DeskUnreachableError):
        await asyncio.to_thread(client.credential, "orders")


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"BROKER_RUN_URL": "http://127.0.0.1:1"},
        {"BROKER_RUN_TOKEN": "t"},
        {"BROKER_RUN_URL": "http://desk.example:80", "BROKER_RUN_TOKEN": "t"},
        {"BROKER_RUN_URL": "https://127.0.0.1:1", "BROKER_RUN_TOKEN": "t"},
        {"BROKER_RUN_URL": "http://127.0.0.1", "BROKER_RUN_TOKEN": "t"},
        {"BROKER_RUN_URL": "http://127.0.0.1:none", "BROKER_RUN_TOKEN": "t"},
    ],
    ids=["neither", "no-token", "no-url", "elsewhere", "tls", "no-port", "no-number"],
)
def test_the_client_sends_the_token_to_a_desk_of_this_machine_alone(shown: dict[str, str]) -> None:
    """And says which variable is wrong."""
    with pytest.raises(NotInARunError, match="BROKER_RUN_"):
        DeskClient.of_environment(shown)


async def test_aws_tools_read_their_session_from_the_desk(desk: Desk, shelf: Shelf) -> None:
    """As botocore does in a container; after a renewal it finds the younger one."""
    shown = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": desk.aws_url("bucket"),
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": desk.token.reveal(),
    }
    provider = ContainerProvider(environ=shown, fetcher=ContainerMetadataFetcher())

    first = await asyncio.to_thread(lambda: provider.load().get_frozen_credentials())
    shelf.renew("bucket", secret_access_key="younger-key")
    second = await asyncio.to_thread(lambda: provider.load().get_frozen_credentials())

    assert (first.access_key, first.secret_key) == ("ASIAEXAMPLE", "canary-key")
    assert (first.token, second.secret_key) == ("canary-session", "younger-key")


async def test_the_desk_helper_needs_nothing_heavy(desk: Desk) -> None:
    """Nor click: a helper starts in a blink."""
    code = (
        "import sys; from broker.running.desk_client import DeskClient;"
        "print(DeskClient.of_environment().credential('orders').values['access_token'].reveal());"
        "print(sorted({'redis', 'cedarpy', 'boto3', 'hvac', 'yaml', 'click'} & set(sys.modules)))"
    )
    shown = {"BROKER_RUN_URL": desk.url, "BROKER_RUN_TOKEN": desk.token.reveal()}

    def run() -> str:
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own code
            [sys.executable, "-c", code],
            env=os.environ | shown,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert await asyncio.to_thread(run) == "canary-token\n[]\n"


def test_a_token_may_be_given() -> None:
    """Whoever starts the desk may know it beforehand; by default each desk has its own."""
    first, second = Desk(Shelf()), Desk(Shelf())

    assert Desk(Shelf(), token=Secret("known")).token.matches("known")
    assert not first.token.matches(second.token.reveal())
