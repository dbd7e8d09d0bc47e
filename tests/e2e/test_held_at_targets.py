"""Credentials at targets that a client keeps fresh, against a whole broker."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from broker.client.api import BrokerClient
from broker.client.errors import NoTokenError
from broker.client.held import HeldCredential
from broker.client.task_scope import TaskScope
from tests.fakes.cast import AGENT
from tests.fakes.clock import FakeClock
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_kind import enter
from tests.fakes.toy_target import ToyTarget
from tests.fakes.toy_world import SCOPES, ToyWorld, open_toy_world
from tests.fakes.world_config import Template

BROKER = "http://localhost"
LIFE_S = 200


@pytest.fixture
def target() -> Iterator[ToyTarget]:
    """A toy target."""
    with ToyTarget() as target:
        yield target


@asynccontextmanager
async def scope(world: ToyWorld, target: ToyTarget, clock: FakeClock) -> AsyncIterator[TaskScope]:
    """Work on a task that may have toys; nothing of it is left."""

    async def source() -> str:
        return world.token(AGENT)

    wire = aiohttp.UnixConnector(str(world.config.settings(0).listen.unix))
    async with aiohttp.ClientSession(
        connector=wire, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        client = BrokerClient(BROKER, source, session)
        resume = partial(client.tasks.heartbeat, await world.toy_task("yard-1"))
        async with TaskScope(client.tasks, client.credentials, resume, clock=clock) as task:
            yield task
    await _emptied(target)


async def is_let_in(target: ToyTarget, held: HeldCredential) -> bool:
    """Use what it delivers now."""
    words = {name: word.reveal() for name, word in (await held.secret()).items()}
    return await asyncio.to_thread(enter, target, words) is not None


async def until_younger(world: ToyWorld, held: HeldCredential, clock: FakeClock) -> None:
    """Let most of its life pass, and wait until something else is delivered."""
    than = held.current
    clock.advance(LIFE_S * 900)
    await world.pass_time(LIFE_S * 0.9)

    async def is_younger() -> bool:
        await held.secret()  # nobody waits for the younger one, and somebody has to ask
        return held.current is not than

    await eventually_true(is_younger, "a younger credential")


@pytest.mark.parametrize("keeps", [False, True])
async def test_it_is_renewed_in_its_place_ahead_of_its_expiry(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    target: ToyTarget,
    *,
    keeps: bool,
) -> None:
    """Whether renewing brings another secret or not."""
    opened = open_toy_world(single, template, signer, tmp_path, [target], keeps=keeps)
    clock = FakeClock()
    async with opened as world, scope(world, target, clock) as task:
        held = await task.credential("yard-1", scopes=tuple(SCOPES), ttl_seconds=LIFE_S)
        first = held.current
        await until_younger(world, held, clock)

        assert await is_let_in(target, held)
        assert (held.current.id, held.current.generation) == (first.id, 2)
        assert (await held.secret() == first.secret) == keeps
        assert len(target.names) == 1


async def test_one_that_cannot_be_renewed_is_followed_by_another(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path, target: ToyTarget
) -> None:
    """Both live for a moment, for whoever uses it to go over; then the former is given back."""
    opened = open_toy_world(single, template, signer, tmp_path, [target], kind="lasting-toy")
    clock = FakeClock()
    async with opened as world, scope(world, target, clock) as task:
        held = await task.credential(
            "yard-1", scopes=tuple(SCOPES), ttl_seconds=LIFE_S, hand_over_seconds=0.2
        )
        first = held.current
        await until_younger(world, held, clock)

        assert await is_let_in(target, held)
        assert held.current.id != first.id

        async def is_alone() -> bool:
            return target.names == {held.current.secret["username"].reveal()}

        await eventually_true(is_alone, "the former one dead")
        with pytest.raises(NoTokenError):
            await held.token()
        shown = await world.get(AGENT, f"/v1/credentials/{first.id}")
        assert shown["ended_by"] in ("given-back", "expired")


async def _emptied(target: ToyTarget) -> None:
    async def is_empty() -> bool:
        return not target.names

    await eventually_true(is_empty, "an empty target")
