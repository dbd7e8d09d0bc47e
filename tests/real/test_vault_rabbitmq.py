"""An agent is given a user of a real RabbitMQ by a real OpenBao; it dies with its task."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cast import AGENT
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import PATIENCE_S
from tests.fakes.world_config import Template
from tests.real.amqp import ClosedError, Connection
from tests.real.openbao_server import OpenBaoServer
from tests.real.peer_process import LOOPBACK, listening
from tests.real.rabbitmq_server import RabbitServer, connect, furnish
from tests.real.vault_world import VaultWorld, Way, asking, open_vault_world

pytestmark = pytest.mark.real

RABBIT = asking("bao-rabbit")
LEASES = "rabbitmq/creds/orders"
LOOPBACK_6 = "00000000000000000000000001000000"
"""::1, as proc(5) writes it on a little-endian machine."""


@pytest.fixture(scope="module")
def engine(openbao_server: OpenBaoServer, rabbitmq: RabbitServer) -> Iterator[OpenBaoServer]:
    """OpenBao with an engine that works on the RabbitMQ."""
    furnish(openbao_server, rabbitmq)
    yield openbao_server
    openbao_server.says("DELETE", "sys/mounts/rabbitmq")


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path, engine: OpenBaoServer
) -> AsyncIterator[VaultWorld]:
    """One broker that has it."""
    way = Way(engine, engine.url)
    async with open_vault_world(single, template, signer, tmp_path, way) as world:
        yield world


def who(rabbit: RabbitServer, secret: Mapping[str, str]) -> str | None:
    """Return whom RabbitMQ takes the holder of a secret for; ``None`` when it answers 401."""
    return rabbit.whoami(secret["username"], secret["password"])


def session(rabbit: RabbitServer, secret: Mapping[str, str]) -> Connection:
    """Log in where messages are."""
    return Connection(rabbit.port, secret["username"], secret["password"])


async def tried_again(world: VaultWorld, task: str, credential: str) -> dict[str, Any]:
    """Wait until the broker has tried to kill one twice; return its receipt."""
    async with asyncio.timeout(PATIENCE_S * 3):
        while True:
            receipt = await world.until_receipt(task, credential, "accepted", "confirmed")
            if receipt["attempts"] > 1 or receipt["state"] == "confirmed":
                return receipt
            await asyncio.sleep(0.1)


async def test_rabbitmq_credentials_work_until_their_task_ends(
    world: VaultWorld, engine: OpenBaoServer, rabbitmq: RabbitServer
) -> None:
    """Then RabbitMQ knows no such user, and has closed its connection; another task's goes on."""
    task, other = await world.task_for("bao-rabbit"), await world.task_for("bao-rabbit")
    issued, kept = await world.issue(task, **RABBIT), await world.issue(other, **RABBIT)
    mine, theirs = issued["secret"]["username"], kept["secret"]["username"]
    with (
        session(rabbitmq, issued["secret"]) as my_session,
        session(rabbitmq, kept["secret"]) as their_session,
    ):
        assert (who(rabbitmq, issued["secret"]), who(rabbitmq, kept["secret"])) == (mine, theirs)
        assert rabbitmq.users() == {mine, theirs}
        my_session.open_channel()

        await world.end(task)
        receipt = await world.until_receipt(task, issued["id"], "confirmed")

        assert who(rabbitmq, issued["secret"]) is None
        assert rabbitmq.users() == {theirs}
        assert my_session.farewell() == f"CONNECTION_FORCED - user '{mine}' is deleted"
        with pytest.raises(ClosedError):
            session(rabbitmq, issued["secret"])
        assert who(rabbitmq, kept["secret"]) == theirs
        their_session.open_channel()
    assert (receipt["target"], receipt["kind"]) == ("bao", "vault")
    await world.end(other)
    await world.until_receipt(other, kept["id"], "confirmed")
    assert rabbitmq.users() == set()
    assert engine.leases(LEASES) == []


async def test_a_renewed_user_of_rabbitmq_goes_on(
    world: VaultWorld, engine: OpenBaoServer, rabbitmq: RabbitServer
) -> None:
    """The same one, for as long as was asked."""
    task = await world.task_for("bao-rabbit")
    issued = await world.issue(task, **RABBIT, ttl_seconds=60)
    renewed = await world.post(AGENT, f"/v1/credentials/{issued['id']}/renew", {"ttl_seconds": 400})
    (lease,) = engine.leases(LEASES)
    seen = engine.says("POST", "sys/leases/lookup", {"lease_id": f"{LEASES}/{lease}"})

    assert renewed.status == 201
    assert 300 < seen["data"]["ttl"] <= 400
    assert who(rabbitmq, issued["secret"]) is not None
    await world.end(task)
    await world.until_receipt(task, issued["id"], "confirmed")
    assert who(rabbitmq, issued["secret"]) is None


async def test_a_rabbitmq_that_is_down_is_no_death(
    world: VaultWorld, rabbitmq: RabbitServer
) -> None:
    """Its users come back with it, and die then."""
    task = await world.task_for("bao-rabbit")
    issued = await world.issue(task, **RABBIT)
    rabbitmq.kill()
    try:
        await world.end(task)
        waiting = await tried_again(world, task, issued["id"])
    finally:
        rabbitmq.start()
    await world.until_receipt(task, issued["id"], "confirmed")

    assert waiting["state"] == "accepted"
    assert who(rabbitmq, issued["secret"]) is None
    assert rabbitmq.users() == set()


async def test_a_rabbitmq_that_refuses_openbao_is_no_death(
    world: VaultWorld, engine: OpenBaoServer, rabbitmq: RabbitServer
) -> None:
    """It knows an old password of the owner's: the user lives until that is mended."""
    task = await world.task_for("bao-rabbit")
    issued = await world.issue(task, **RABBIT)
    rabbitmq.change_password("another-password-of-tests")
    try:
        await world.end(task)
        waiting = await tried_again(world, task, issued["id"])
        alive = who(rabbitmq, issued["secret"])
    finally:
        connect(engine, rabbitmq)
    await world.until_receipt(task, issued["id"], "confirmed")

    assert alive == issued["secret"]["username"]
    assert waiting["state"] == "accepted"
    assert who(rabbitmq, issued["secret"]) is None
    assert rabbitmq.users() == set()


async def test_a_user_of_rabbitmq_dies_of_age_when_no_broker_is_left(
    world: VaultWorld, rabbitmq: RabbitServer
) -> None:
    """RabbitMQ lets users live for ever: OpenBao deletes it when its time is over."""
    task = await world.task_for("bao-rabbit")
    issued = await world.issue(task, **RABBIT, ttl_seconds=8)
    with session(rabbitmq, issued["secret"]) as mine:
        await world.stop()
        left_alive = who(rabbitmq, issued["secret"])

        async def is_gone() -> bool:
            return who(rabbitmq, issued["secret"]) is None

        await eventually_true(is_gone, "the user deleted")
        assert mine.farewell().startswith("CONNECTION_FORCED")
    assert left_alive == issued["secret"]["username"]
    assert rabbitmq.users() == set()


def test_nothing_listens_beyond_loopback(rabbitmq: RabbitServer) -> None:
    """Neither the node, with all its ports, nor its epmd."""
    addresses = [listening(pid) for pid in rabbitmq.pids]

    assert len(addresses) == 2
    assert all(addresses)
    assert set().union(*addresses) <= {LOOPBACK, LOOPBACK_6}
