"""An operator's own server: a whole broker over TLS, as an ACL user with the least permissions."""

import socket
from pathlib import Path

from tests.fakes.certificates import Authority
from tests.fakes.redis_proxy import RedisProxy
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World

PERMISSIONS = "~jit:* -@all +@read +@write +evalsha +eval +script|load +info +time +config|get"


async def test_a_broker_over_tls_as_an_acl_user_does_all_that_it_has_to(
    world: World, single: SingleServer, tmp_path: Path
) -> None:
    """It opens, issues, ends and revokes, and is ready without a word."""
    single.ask("ACL", "SETUSER", "broker", "reset", "on", ">correct-horse", *PERMISSIONS.split())
    password = tmp_path / "password"
    password.write_text("correct-horse\n")
    authority = Authority(tmp_path, "ours")
    with socket.create_server(("127.0.0.1", 0)) as held:
        door = held.getsockname()
    store = world.store(
        url=f"rediss://127.0.0.1:{door[1]}",
        ca_file=authority.ca_file,
        username="broker",
        password_file=password,
    )
    async with RedisProxy(
        single.path, door, tls=authority.server_context(asks_clients=False)
    ) as way:
        await world.stop()
        await world.start(store=store)
        task = await world.open()
        token = (await world.issue(task["id"]))["access_token"]
        assert await world.is_active(token)
        await world.end(task["id"])
        assert not await world.is_active(token)
        other = await world.open()
        killed = (await world.issue(other["id"]))["access_token"]
        await world.revoke(agent="invoice-bot")
        assert not await world.is_active(killed)
        await world.settle()
        assert await world.readiness() == (200, [])
        await world.stop()

    assert "EVALSHA" in way.seen
    single.ask("ACL", "DELUSER", "broker")
