"""One task with a token, a role in a real PostgreSQL and a toy: one end, one report, each death."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from broker import kinds
from broker.client.api import BrokerClient
from broker.client.reaching import NotReachedError
from broker.client.task_scope import TaskScope
from tests.fakes.cast import AGENT
from tests.fakes.clock import FakeClock
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_kind import enter, install
from tests.fakes.toy_target import ToyTarget
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
from tests.real.postgres_server import PostgresServer

pytestmark = pytest.mark.real

TOYS = {"capability": "yard-1", "scopes": ["orders:read"]}
LIFE_S = 200


@pytest.fixture
def toy() -> Iterator[ToyTarget]:
    """A toy target."""
    with ToyTarget() as toy:
        yield toy


@pytest.fixture
async def world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    *,
    toy: ToyTarget,
    postgres: PostgresServer,
) -> AsyncIterator[DatabaseWorld]:
    """One broker that has both targets."""
    secret = tmp_path / "admin"
    secret.write_text("admin-of-tests\n")
    quick = {"deadline_ms": 2_000, "failures": 100}
    yard = {"name": "yard-1", "kind": "toy", "options": {"port": toy.port}, **quick}
    ways = [target(postgres, secret, **quick), yard]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(install(tmp_path / "kinds")), *sys.path])
        kinds.find.cache_clear()
        async with open_database_world(single, template, signer, tmp_path, ways) as world:
            world.config.edit("capabilities.yaml", _add_toys)
            world.config.edit("resource_servers.yaml", _ask_each_time)
            await world.publish()
            yield world
        kinds.find.cache_clear()


def _add_toys(file: Any) -> None:
    record = {**TOYS, "name": "yard-1", "backend": "toy", "target": "yard-1", "audience": "toy"}
    del record["capability"]
    more = {"tenants": ["acme"], "max_ttl_seconds": 600, "default_ttl_seconds": 300}
    file["capabilities"].append({**record, **more})


def _ask_each_time(file: Any) -> None:
    orders = file["resource_servers"][0]
    del orders["staleness_ms"], orders["strict"]
    orders.update(check="introspect", cache_ms=0)


@asynccontextmanager
async def client(world: DatabaseWorld) -> AsyncIterator[BrokerClient]:
    """Call the broker as the agent."""

    async def source() -> str:
        return world.token(AGENT)

    wire = aiohttp.UnixConnector(str(world.config.settings(0).listen.unix))
    async with aiohttp.ClientSession(
        connector=wire, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        yield BrokerClient("http://localhost", source, session)


async def test_one_end_kills_every_kind_and_says_how_far_each_is(
    world: DatabaseWorld, postgres: PostgresServer, toy: ToyTarget
) -> None:
    """The database hangs: it is pending with its times, and the others are dead; then it is too."""
    ceiling = [DB, TOYS, {"capability": "orders-api", "scopes": ["orders:read"]}]
    task = str((await world.open(ceiling=ceiling))["id"])
    token, role, thing = [await world.issue(task, **what) for what in ({}, DB, TOYS)]
    with session(role["secret"]) as mine:
        postgres.freeze()
        async with client(world) as broker:
            await broker.tasks.complete(task)
            await world.until_receipt(task, role["id"], "pending")
            for each in (token, thing):
                await world.until_receipt(task, each["id"], "confirmed")
            with pytest.raises(NotReachedError) as caught:
                await broker.tasks.reach(task, "confirmed", within_seconds=0.5)
            postgres.thaw()
            report = await broker.tasks.complete(task, wait="confirmed", within_seconds=90)
        assert is_cut_off(mine)

    waiting = {r.credential: r for r in caught.value.report.receipts}[role["id"]]
    assert caught.value.report.counts == {"confirmed": 2, "pending": 1}
    assert (waiting.target, waiting.kind) == ("orders-db", "postgres")
    times: list[Any] = [waiting.revoked_at, waiting.tried_at, waiting.next_attempt_at]
    assert None not in times
    assert times == sorted(times)
    assert report.counts == {"confirmed": 3}
    assert is_refused(role["secret"])
    assert await asyncio.to_thread(enter, toy, thing["secret"]) is None
    assert not await world.is_active(token["access_token"])


async def test_a_role_that_is_held_is_followed_by_another(
    world: DatabaseWorld, postgres: PostgresServer
) -> None:
    """PostgreSQL prolongs nothing: the next role is there first, then the former one is dropped."""
    clock = FakeClock()
    async with client(world) as broker:
        resume = partial(broker.tasks.heartbeat, await world.task_for_database())
        async with TaskScope(broker.tasks, broker.credentials, resume, clock=clock) as task:
            held = await task.credential(
                "orders-db", scopes=("orders:read",), ttl_seconds=LIFE_S, hand_over_seconds=0.2
            )
            first = _revealed(held.current.secret)
            with session(first) as mine:
                clock.advance(LIFE_S * 900)
                await world.pass_time(LIFE_S * 0.9)

                async def is_followed() -> bool:
                    return _revealed(await held.secret()) != first

                await eventually_true(is_followed, "another role")
                second = _revealed(held.current.secret)
                with session(second) as theirs:
                    assert theirs.execute("SELECT count(*) FROM shop.orders").fetchone() == (2,)

                async def is_alone() -> bool:
                    return postgres.roles() == [second["username"]]

                await eventually_true(is_alone, "the former role dropped")
                assert is_cut_off(mine)


def _revealed(words: Any) -> dict[str, str]:
    return {name: word.reveal() for name, word in words.items()}
