"""From settings to a link: logins, TLS, and files that are not there."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from broker.errors import ConfigurationError, StoreUnavailableError
from broker.settings.store import StoreSettings
from broker.store.client_link import ClientLink
from broker.store.connect import cluster_client, connect
from broker.store.link import HEADER, Link, Script
from tests.fakes.certificates import Authority
from tests.fakes.redis_proxy import RedisProxy
from tests.fakes.redis_servers import Cluster, SingleServer

KEY = "jit:{b07}:x"
COUNT = Script("count", HEADER + "return redis.call('INCR', KEYS[1])")
PASSWORD = "correct-horse"


@asynccontextmanager
async def linked(settings: StoreSettings) -> AsyncIterator[Link]:
    """Connect, and close in any case."""
    link = await connect(settings)
    try:
        yield link
    finally:
        await link.close()


@pytest.fixture
def account(single: SingleServer, tmp_path: Path) -> Iterator[Path]:
    """An ACL user ``broker`` with the least permissions that the link needs; its password file."""
    permissions = "~jit:* -@all +@read +@write +evalsha +eval +script|load +info +time +config|get"
    single.ask("ACL", "SETUSER", "broker", "reset", "on", f">{PASSWORD}", *permissions.split())
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    yield file
    single.ask("ACL", "DELUSER", "broker")


async def test_it_logs_in_with_the_password_from_the_file(
    single: SingleServer, account: Path
) -> None:
    """An ACL user with few permissions is enough for every kind of call."""
    settings = StoreSettings(url=single.settings.url, username="broker", password_file=str(account))
    async with linked(settings) as link:
        assert await link.run(COUNT, [KEY]) == 1
        assert await link.read("GET", KEY) == "1"
        assert await link.each_server("TIME")
        assert await link.tail("jit:{b07}:out", "0-0", block_ms=0, count=1) == []


async def test_the_permissions_end_at_the_namespace(single: SingleServer, account: Path) -> None:
    """The same user cannot reach keys of others; so the test above proves something."""
    settings = StoreSettings(url=single.settings.url, username="broker", password_file=str(account))
    async with linked(settings) as link:
        with pytest.raises(StoreUnavailableError, match="permission"):
            await link.run(COUNT, ["other:{b07}:x"])


async def test_a_wrong_password_is_unavailable_and_not_shown(
    single: SingleServer, account: Path
) -> None:
    """The server's refusal is told, the password is not."""
    single.ask("ACL", "SETUSER", "broker", "resetpass", ">battery-staple")
    settings = StoreSettings(url=single.settings.url, username="broker", password_file=str(account))
    async with linked(settings) as link:
        with pytest.raises(StoreUnavailableError) as caught:
            await link.read("PING")

    assert "invalid username-password" in str(caught.value).lower()
    assert PASSWORD not in repr(caught.value)


async def test_the_database_of_the_url_is_selected(single: SingleServer) -> None:
    """``/3`` is database 3, over TCP."""
    door = ("127.0.0.1", _free_port())
    async with (
        RedisProxy(single.path, door),
        linked(StoreSettings(url=f"redis://127.0.0.1:{door[1]}/3")) as link,
    ):
        await link.run(COUNT, [KEY])

        assert single.ask("EXISTS", KEY) == 0
        assert "db3:keys=1" in single.ask("INFO", "keyspace")


async def test_a_cluster_is_reached_through_any_of_its_nodes(cluster: Cluster) -> None:
    """Whichever node the URL names, calls go where their keys live."""
    for port in cluster.ports:
        settings = StoreSettings(url=f"redis://127.0.0.1:{port}", cluster=True)
        async with linked(settings) as link:
            for bucket in range(16):
                await link.run(COUNT, [f"{{b{bucket:02x}}}:x"])

            assert await link.read("GET", "{b07}:x") == str(cluster.ports.index(port) + 1)


async def test_a_server_with_a_certificate_of_our_authority_is_trusted(
    single: SingleServer, tmp_path: Path
) -> None:
    """TLS, with a client certificate that the server insists on."""
    authority = Authority(tmp_path, "ours")
    cert_file, key_file = authority.issue("broker")
    door = ("127.0.0.1", _free_port())
    settings = StoreSettings(
        url=f"rediss://127.0.0.1:{door[1]}",
        ca_file=str(authority.ca_file),
        cert_file=str(cert_file),
        key_file=str(key_file),
    )
    async with (
        RedisProxy(single.path, door, tls=authority.server_context(asks_clients=True)),
        linked(settings) as link,
    ):
        assert await link.run(COUNT, [KEY]) == 1


@pytest.mark.parametrize("signer", ["ours", "theirs"])
async def test_every_node_of_a_cluster_must_have_a_certificate_of_our_authority(
    cluster: Cluster, tmp_path: Path, signer: str
) -> None:
    """The node that the URL names, and those that it names in turn."""
    authorities = {name: Authority(tmp_path, name) for name in ("ours", "theirs")}
    doors = {port: ("127.0.0.1", _free_port()) for port in cluster.ports}
    first, *others = cluster.ports
    settings = StoreSettings(
        url=f"rediss://127.0.0.1:{doors[first][1]}",
        ca_file=str(authorities["ours"].ca_file),
        cluster=True,
    )
    client = cluster_client(settings)
    client.nodes_manager.address_remap = lambda address: doors[address[1]]
    signers = {first: "ours"} | dict.fromkeys(others, signer)
    keys = [f"{{b{bucket:02x}}}:x" for bucket in range(16)]

    async with AsyncExitStack() as stack:
        for port, door in doors.items():
            tls = authorities[signers[port]].server_context()
            await stack.enter_async_context(RedisProxy(("127.0.0.1", port), door, tls=tls))
        link = ClientLink(client)
        stack.push_async_callback(link.close)
        replies = await asyncio.gather(
            *(link.run(COUNT, [key]) for key in keys), return_exceptions=True
        )

    refused = [reply for reply in replies if isinstance(reply, StoreUnavailableError)]
    assert {reply for reply in replies if isinstance(reply, int)} == {1}
    assert bool(refused) == (signer == "theirs")


async def test_a_server_of_another_authority_is_refused(
    single: SingleServer, tmp_path: Path
) -> None:
    """A certificate that our authority did not sign is nobody's."""
    door = ("127.0.0.1", _free_port())
    settings = StoreSettings(
        url=f"rediss://127.0.0.1:{door[1]}", ca_file=str(Authority(tmp_path, "ours").ca_file)
    )
    async with (
        RedisProxy(single.path, door, tls=Authority(tmp_path, "theirs").server_context()),
        linked(settings) as link,
    ):
        with pytest.raises(StoreUnavailableError, match="certificate verify failed"):
            await link.read("PING")


async def test_the_systems_authorities_are_not_trusted_besides_ours(
    single: SingleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Naming a ``ca_file`` pins it: an authority that the system trusts does not count."""
    theirs = Authority(tmp_path, "theirs")
    monkeypatch.setenv("SSL_CERT_FILE", str(theirs.ca_file))
    assert ssl.create_default_context().get_ca_certs()
    door = ("127.0.0.1", _free_port())
    settings = StoreSettings(
        url=f"rediss://127.0.0.1:{door[1]}", ca_file=str(Authority(tmp_path, "ours").ca_file)
    )
    async with (
        RedisProxy(single.path, door, tls=theirs.server_context()),
        linked(settings) as link,
    ):
        with pytest.raises(StoreUnavailableError, match="certificate verify failed"):
            await link.read("PING")


@pytest.mark.parametrize(
    ("key", "content"),
    [("password_file", None), ("password_file", "\n"), ("ca_file", None), ("ca_file", "no PEM")],
)
async def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, key: str, content: str | None
) -> None:
    """The error says which key of the section, and which file."""
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content)
    settings = StoreSettings(url="rediss://127.0.0.1:1", **{key: str(file)})

    with pytest.raises(ConfigurationError, match=rf"store\.{key}: .*file"):
        await connect(settings)


@pytest.mark.parametrize("cluster", [False, True])
async def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, *, cluster: bool) -> None:
    """The same for our own certificate and its key, also for a cluster."""
    settings = StoreSettings(
        url="rediss://127.0.0.1:1",
        cert_file=str(tmp_path / "a.pem"),
        key_file=str(tmp_path / "a.key"),
        cluster=cluster,
    )

    with pytest.raises(ConfigurationError, match=r"store\.cert_file, store\.key_file: .*a\.pem"):
        await connect(settings)


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])
