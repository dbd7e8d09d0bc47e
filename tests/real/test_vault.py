"""An agent is given credentials through a real OpenBao, and they die with its task."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world_config import Template
from tests.real.database_world import is_cut_off
from tests.real.lossy_proxy import LossyProxy
from tests.real.openbao_server import OpenBaoServer
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import is_let_in, login
from tests.real.vault_world import VaultWorld, Way, asking, open_vault_world

pytestmark = pytest.mark.real

DB = asking("bao-db")
ORDERS = "database/creds/orders"


@pytest.fixture
def proxy(openbao: OpenBaoServer) -> Any:
    """A way to OpenBao that can lose answers."""
    with LossyProxy(openbao.port) as proxy:
        yield proxy


@pytest.fixture
def way(openbao: OpenBaoServer, proxy: LossyProxy) -> Way:
    """The broker's way, by the proxy."""
    return Way(openbao, f"http://127.0.0.1:{proxy.port}")


@pytest.fixture
async def world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    way: Way,
) -> AsyncIterator[VaultWorld]:
    """One broker that has it."""
    async with open_vault_world(single, template, signer, tmp_path, way) as world:
        yield world


async def test_database_credentials_work_until_their_task_ends(
    world: VaultWorld, openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """Then both refuse them: PostgreSQL, open sessions included, and OpenBao by its own word."""
    task, other = await world.task_for("bao-db"), await world.task_for("bao-db")
    issued, kept = await world.issue(task, **DB), await world.issue(other, **DB)
    accessors = openbao.accessors()
    port = postgres.port
    with login(issued["secret"], port) as mine, login(kept["secret"], port) as theirs:
        assert mine.execute("SELECT count(*) FROM shop.orders").fetchone() == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            mine.execute("SELECT * FROM shop.payments")

        await world.end(task)
        receipt = await world.until_receipt(task, issued["id"], "confirmed")

        assert is_cut_off(mine)
        assert not is_let_in(issued["secret"], postgres.port)
        assert theirs.execute("SELECT count(*) FROM shop.orders").fetchone() == (2,)
        assert is_let_in(kept["secret"], postgres.port)
    assert (receipt["target"], receipt["kind"]) == ("bao", "vault")
    assert len(accessors) == 2
    assert len(openbao.accessors()) == 1
    await world.end(other)
    await world.until_receipt(other, kept["id"], "confirmed")
    assert openbao.accessors() == []
    assert openbao.leases() == []


async def test_one_task_end_kills_each_as_it_can_be_killed(
    world: VaultWorld, openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """And the report says of each what is true of it."""
    names = ("bao-db", "bao-pki", "bao-ssh", "bao-kv")
    task = await world.task_for(*names)
    issued = {name: await world.issue(task, **asking(name)) for name in names}
    ids = {name: each["id"] for name, each in issued.items()}

    await world.end(task)
    receipts = await world.until_receipts(
        task,
        {
            ids["bao-db"]: "confirmed",
            ids["bao-pki"]: "confirmed",
            ids["bao-ssh"]: "irrevocable",
            ids["bao-kv"]: "irrevocable",
        },
    )

    assert not is_let_in(issued["bao-db"]["secret"], postgres.port)
    serial = issued["bao-pki"]["secret"]["serial_number"]
    certificate = openbao.says("GET", f"pki/cert/{serial}")["data"]
    assert certificate["revocation_time"] > 0
    assert "dies at expires_at" in receipts[ids["bao-ssh"]]["detail"]
    assert "standing secret" in receipts[ids["bao-kv"]]["detail"]
    assert receipts[ids["bao-kv"]]["settled_at"] is not None
    assert issued["bao-kv"]["secret"] == {"key": "standing-secret-of-tests"}


async def test_a_lost_answer_leaves_nothing(
    world: VaultWorld, openbao: OpenBaoServer, proxy: LossyProxy
) -> None:
    """OpenBao did its work and nobody heard of it: what it made is killed."""
    task = await world.task_for("bao-db")
    with proxy.losing_after(b"/database/creds/"):
        refused = await world.ask(task, **DB)
    (made,) = await world.pages(AGENT, f"/v1/tasks/{task}/credentials")
    (lease,) = made["credentials"]
    receipt = await world.until_receipt(task, lease["id"], "confirmed")

    assert (refused.status, refused.code) == (502, "issuance-failed")
    assert "target bao, capability bao-db" in refused["detail"]
    assert proxy.lost >= 1
    assert receipt["attempts"] >= 1
    assert openbao.accessors() == []
    assert openbao.leases() == []


async def test_no_secret_is_kept_or_told(
    world: VaultWorld, openbao: OpenBaoServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the ledger has one, nor our log, nor OpenBao's."""
    task = await world.task_for("bao-db")
    issued = await world.issue(task, **DB)
    dump = repr(world.dump())
    await world.end(task)
    await world.until_receipt(task, issued["id"], "confirmed")

    told = capfd.readouterr()
    everything = dump + repr(world.dump()) + told.out + told.err + openbao.log

    assert issued["secret"]["password"] not in everything
    assert "database/creds/orders/" in dump, "the ledger has the lease's name"


async def test_the_same_key_makes_one_living_credential(
    world: VaultWorld, openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """A repeat kills the first, and only then makes the next."""
    task = await world.task_for("bao-db")
    first = await world.issue(task, key="once", **DB)
    second = await world.issue(task, key="once", **DB)

    assert not is_let_in(first["secret"], postgres.port)
    assert is_let_in(second["secret"], postgres.port)
    assert len(openbao.leases()) == len(openbao.accessors()) == 1
    await world.end(task)
    await world.until_receipt(task, second["id"], "confirmed")


async def test_a_renewed_credential_goes_on_in_its_place(
    world: VaultWorld, openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """OpenBao prolongs the same lease; nothing new is delivered, and one kill ends it."""
    task = await world.task_for("bao-db", "bao-ssh")
    issued = await world.issue(task, **DB, ttl_seconds=60)
    signed = await world.issue(task, **asking("bao-ssh"), ttl_seconds=60)
    path = f"/v1/credentials/{issued['id']}/renew"
    renewed = await world.post(AGENT, path, {"ttl_seconds": 400})
    (lease,) = openbao.leases()
    seen = openbao.says("POST", "sys/leases/lookup", {"lease_id": f"{ORDERS}/{lease}"})

    assert renewed.status == 201
    assert renewed["expires_at"] > issued["expires_at"]
    assert 300 < seen["data"]["ttl"] <= 400
    assert is_let_in(issued["secret"], postgres.port)
    assert (issued["renewable"], signed["renewable"]) == (True, False)
    await world.end(task)
    await world.until_receipt(task, issued["id"], "confirmed")
    assert not is_let_in(issued["secret"], postgres.port)


async def test_a_frozen_openbao_delays_nobody_else(
    world: VaultWorld, openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """It refuses its own; tokens are issued; what it holds, or makes late, dies once it answers."""
    task, bystander = await world.task_for("bao-db"), await world.task_for("bao-db")
    issued = await world.issue(task, **DB)
    openbao.freeze()
    try:
        refused = await world.ask(task, **DB)
        token = await world.issue(bystander)
        await world.end(task)
        waiting = await world.until_receipt(task, issued["id"], "pending")
        is_active = await world.is_active(token["access_token"])
    finally:
        openbao.thaw()
    await world.until_state(AGENT, f"/v1/tasks/{task}/report", "confirmed")

    assert "target bao, capability bao-db: late" in refused["detail"]
    assert "late" in waiting["detail"]
    assert is_active
    assert not is_let_in(issued["secret"], postgres.port)
    assert openbao.leases() == []


@pytest.mark.soak
async def test_what_cannot_be_taken_back_is_said_to_have_died_of_age(world: VaultWorld) -> None:
    """Certificates and signed keys, once their own time is over; not before."""
    task = await world.task_for("bao-pki", "bao-ssh")
    issued = [await world.issue(task, **asking(n), ttl_seconds=3) for n in ("bao-pki", "bao-ssh")]
    await world.end(task)

    for each in issued:
        receipt = await world.until_receipt(task, each["id"], "expired")
        assert receipt["settled_at"] >= each["expires_at"]
