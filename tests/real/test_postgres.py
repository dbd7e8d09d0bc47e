"""An agent is given a role in a real PostgreSQL, and it dies with its task."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world_config import Template
from tests.real.database_world import (
    DB,
    DatabaseWorld,
    is_cut_off,
    is_refused,
    open_database_world,
    session,
    target,
)
from tests.real.lossy_proxy import LossyProxy
from tests.real.postgres_server import PostgresServer

pytestmark = pytest.mark.real


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The admin's password."""
    file = tmp_path / "admin"
    file.write_text("admin-of-tests\n")
    return file


@pytest.fixture
def proxy(postgres: PostgresServer) -> Any:
    """A way to the database that can lose answers."""
    with LossyProxy(postgres.port) as proxy:
        yield proxy


@pytest.fixture
def ways(postgres: PostgresServer, proxy: LossyProxy, secret: Path) -> list[dict[str, Any]]:
    """Two targets: the database, and the same one by a way that can lose answers."""
    few = {"deadline_ms": 2_000, "threads": 2, "queue": 2, "failures": 3, "rest_ms": 500}
    return [
        target(postgres, secret, **few),
        target(postgres, secret, **few, options={"port": proxy.port}) | {"name": "other-db"},
    ]


@pytest.fixture
async def world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    ways: list[dict[str, Any]],
) -> AsyncIterator[DatabaseWorld]:
    """One broker that has them."""
    async with open_database_world(single, template, signer, tmp_path, ways) as world:
        yield world


async def test_a_role_works_until_its_task_ends(
    world: DatabaseWorld, postgres: PostgresServer
) -> None:
    """It reads what its scope gives and nothing else; its session ends with the task."""
    task, other = await world.task_for_database(), await world.task_for_database()
    issued, kept = await world.issue(task, **DB), await world.issue(other, **DB)
    with session(issued["secret"]) as mine, session(kept["secret"]) as theirs:
        assert mine.execute("SELECT count(*) FROM shop.orders").fetchone() == (2,)
        assert mine.execute("SELECT current_setting('app.tenant')").fetchone() == ("acme",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            mine.execute("SELECT * FROM shop.payments")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            mine.execute("INSERT INTO shop.orders VALUES (3, 'salt')")

        await world.end(task)
        receipt = await world.until_receipt(task, issued["id"], "confirmed")

        assert is_cut_off(mine)
        assert is_refused(issued["secret"])
        assert theirs.execute("SELECT count(*) FROM shop.orders").fetchone() == (2,)
        assert not is_refused(kept["secret"])
    assert (receipt["target"], receipt["kind"]) == ("orders-db", "postgres")
    assert receipt["settled_at"] >= receipt["revoked_at"]
    assert postgres.roles() == [kept["secret"]["username"]]
    await world.end(other)
    await world.until_receipt(other, kept["id"], "confirmed")
    assert postgres.roles() == []


async def test_what_a_role_has_made_survives_it(
    world: DatabaseWorld, postgres: PostgresServer
) -> None:
    """A table of its own is the admin's afterwards."""
    task = await world.task_for_database()
    issued = await world.issue(task, **DB)
    with session(issued["secret"]) as mine:
        mine.execute("CREATE TABLE shop.made AS SELECT 7 AS seven")
    await world.call(AGENT, "DELETE", f"/v1/credentials/{issued['id']}")
    await world.until_receipt(task, issued["id"], "confirmed")

    found = postgres.ask("SELECT seven FROM shop.made", database="orders")
    postgres.ask("DROP TABLE shop.made", database="orders")

    assert found == [(7,)]
    assert postgres.roles() == []


async def test_the_password_is_seen_by_its_agent_only(
    world: DatabaseWorld, postgres: PostgresServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the database's log of every statement has it, nor ours, nor the ledger."""
    task = await world.task_for_database()
    issued = await world.issue(task, **DB)
    await world.end(task)
    await world.until_receipt(task, issued["id"], "confirmed")

    password = issued["secret"]["password"]
    told = capfd.readouterr()

    assert issued["secret"]["username"] in postgres.log.read_text()
    assert password not in postgres.log.read_text()
    assert password not in repr(world.dump()) + told.out + told.err


async def test_a_role_dies_with_its_lease(world: DatabaseWorld, postgres: PostgresServer) -> None:
    """VALID UNTIL would leave an open session alone: the broker does not."""
    task = await world.task_for_database()
    issued = await world.issue(task, **DB, ttl_seconds=2)
    with session(issued["secret"]) as mine:
        receipt = await world.until_receipt(task, issued["id"], "confirmed")

        assert is_cut_off(mine)
    assert receipt["target"] == "orders-db"
    assert postgres.roles() == []


async def test_a_lost_answer_leaves_no_role(
    world: DatabaseWorld, postgres: PostgresServer, proxy: LossyProxy
) -> None:
    """The server did its work and nobody heard of it: what it made is killed."""
    task = await world.task_for_database(other=True)
    with proxy.losing_after(b"COMMIT"):
        refused = await world.ask(task, **{**DB, "capability": "other-db"})
    (made,) = await world.pages(AGENT, f"/v1/tasks/{task}/credentials")
    (lease,) = made["credentials"]
    receipt = await world.until_receipt(task, lease["id"], "confirmed")

    assert (refused.status, refused.code) == (502, "issuance-failed")
    assert "other-db" in refused["detail"]
    assert proxy.lost >= 1
    assert receipt["attempts"] >= 1
    assert postgres.roles() == []


async def test_a_frozen_database_delays_nobody_else(
    world: DatabaseWorld, postgres: PostgresServer
) -> None:
    """It refuses its own; tokens are issued; what it holds dies once it answers again."""
    task, bystander = await world.task_for_database(), await world.task_for_database()
    issued = await world.issue(task, **DB)
    with session(issued["secret"]) as mine:
        postgres.freeze()
        asked = [asyncio.create_task(world.ask(task, **DB)) for _ in range(12)]
        token = await world.issue(bystander)
        answers = await asyncio.gather(*asked)
        await world.end(task)
        waiting = await world.until_receipt(task, issued["id"], "pending")
        assert await world.is_active(token["access_token"])
        postgres.thaw()
        await world.until_receipt(task, issued["id"], "confirmed")

        assert is_cut_off(mine)
    assert {answer.status for answer in answers} == {502}
    assert all("orders-db" in answer["detail"] for answer in answers)
    assert any("busy" in answer["detail"] for answer in answers)
    assert waiting["next_attempt_at"] is not None
    await world.until_state(AGENT, f"/v1/tasks/{task}/report", "confirmed")
    assert postgres.roles() == []


async def test_the_same_key_makes_one_living_role(
    world: DatabaseWorld, postgres: PostgresServer
) -> None:
    """A repeat kills the first role, and only then makes the next."""
    task = await world.task_for_database()
    first = await world.issue(task, key="once", **DB)
    second = await world.issue(task, key="once", **DB)

    assert is_refused(first["secret"])
    assert not is_refused(second["secret"])
    assert postgres.roles() == [second["secret"]["username"]]
    receipt = await world.until_receipt(task, first["id"], "confirmed")
    assert receipt["state"] == "confirmed"
