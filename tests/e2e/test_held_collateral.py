"""A holder whose credential ends because a list is full gets another, against a whole broker."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from broker.client.api import BrokerClient
from broker.client.task_scope import TaskScope
from tests.fakes.cast import AGENT
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_list import ListTarget
from tests.fakes.toy_world import SCOPES, ToyWorld, open_toy_world, toys
from tests.fakes.world_config import Template


@pytest.fixture
def target() -> Iterator[ListTarget]:
    """A target with a list in which nothing fits."""
    with ListTarget(room=0) as target:
        yield target


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the holder look more often than it would."""
    monkeypatch.setattr("broker.client.noticing.LOOK_SECONDS", 0.2)


async def fill(world: ToyWorld) -> None:
    """Kill somebody else: the list is cut off; and let mints begin again at once."""
    other = await world.toy_task("yard-1")
    issued = await world.issue(other, **toys("yard-1"))
    await world.end(other)
    await world.until(other, issued["id"], "accepted")
    for key in world.single.ask("KEYS", "*{k:*meta"):
        world.single.ask("HSET", key, "held", "0")


async def test_a_holder_hit_by_a_cut_off_has_another_credential_without_asking(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    target: ListTarget,
) -> None:
    """Its task lives, and so does what it holds then."""
    opened = open_toy_world(single, template, signer, tmp_path, [target], kind="toylist")
    async with opened as world:

        async def source() -> str:
            return world.token(AGENT)

        wire = aiohttp.UnixConnector(str(world.config.settings(0).listen.unix))
        async with aiohttp.ClientSession(
            connector=wire, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as session:
            client = BrokerClient("http://localhost", source, session)
            task = await world.toy_task("yard-1")
            resume = partial(client.tasks.heartbeat, task)
            async with TaskScope(client.tasks, client.credentials, resume) as scope:
                held = await scope.credential("yard-1", scopes=tuple(SCOPES))
                first = held.current
                await fill(world)

                async def is_followed() -> bool:
                    return held.current.id != first.id

                await eventually_true(is_followed, "another credential")
                former = await client.credentials.show(first.id)
                now = await client.credentials.show(held.current.id)
                assert (former.alive, former.ended_by) == (False, "collateral")
                assert now.alive
                assert await held.secret() != first.secret
