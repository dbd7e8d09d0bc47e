"""Agents that the SPIFFE Workload API vouches for: no secret, no token file, only its socket."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from broker.dev.processes import Child
from tests.chaos.cast import Cast
from tests.chaos.world import ORDERS, World, open_world
from tests.fakes.eventually_true import eventually_true
from tests.real.foreign import START_S
from tests.real.spiffe_bot import ROOT, running, trust

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

DOMAIN: Final = "workloads.example"
ID: Final = f"spiffe://{DOMAIN}/agents/invoice-bot/pod-1"


class Api:
    """The running server of the Workload API."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._child: Child
        self.folder = folder
        self.address = f"unix://{folder}/api.sock"

    async def start(self, packages: Path, spiffe_id: str) -> None:
        """Start it on its own packages, and wait until its socket is there."""
        path = os.pathsep.join([str(ROOT), str(packages)])
        argv = ["env", f"PYTHONPATH={path}", sys.executable, "-m", "tests.real.workload_api"]
        self._child = await self._world.processes.start(
            "workload-api", [*argv, str(self.folder), spiffe_id]
        )
        await self._world.processes.when_ready(self._child, self._is_up, START_S)

    def served(self) -> list[str]:
        """Return which key signed each SVID that was given out."""
        return (self.folder / "served").read_text(encoding="utf-8").split()

    def rotate(self) -> None:
        """Sign by the next key from now on; the bundle has had it from the start."""
        (self.folder / "signing").write_text("jwt-2", encoding="utf-8")

    @contextmanager
    def unregistered(self) -> Iterator[None]:
        """Not know the workload for a while, as when its registration entry is deleted."""
        mark = self.folder / "unregistered"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()

    async def die(self) -> None:
        """End as by power loss."""
        self._child.process.kill()
        await self._child.process.wait()

    async def _is_up(self) -> bool | None:
        return True if await asyncio.to_thread((self.folder / "api.sock").exists) else None


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """An installation whose broker does not run yet."""
    async with open_world() as opened:
        yield opened


@pytest_asyncio.fixture
async def api(world: World, part: Callable[[str], Path]) -> Api:
    """Return the Workload API's server, whose trust domain the broker will trust."""
    folder = world.setup.state / "workload-api"
    folder.mkdir(mode=0o700)
    api = Api(world, folder)
    await api.start(part("spiffe").parents[2], ID)
    trust(world, DOMAIN, file=str(folder / "bundle.json"))
    return api


@pytest_asyncio.fixture
async def cast(world: World, api: Api) -> Cast:
    """Start the broker, and a resource server that follows its feed."""
    assert api.folder.exists()
    await world.slots[0].start()
    await world.start_witness(ORDERS, check="feed")
    return Cast(world)


async def test_an_agent_obtains_uses_and_loses_a_credential_while_its_svid_rotates(
    cast: Cast, api: Api
) -> None:
    """The task goes on under the next SVID, which another key signed; its end is the end."""
    task = await cast.open()
    async with running(cast.url, api.address) as bot:
        held = await bot.holds("issue", task.id)
        await cast.expect(alive=[held])
        assert set(api.served()) == {"jwt-1"}

        api.rotate()
        renewed = await bot.holds("renew", held.credential)
        assert api.served()[-1] == "jwt-2"
        assert renewed.credential == held.credential
        await cast.expect(alive=[renewed])

        assert (await bot.says("complete", task.id))["state"] == "completed"
    await cast.all_final(task.id, [held.credential])
    await cast.expect(dead=[held, renewed])


async def test_without_the_workload_api_nothing_new_is_had_and_nothing_else_is_lost(
    cast: Cast, api: Api, part: Callable[[str], Path]
) -> None:
    """Not known there, then not there: a typed error, until it is back; no credential suffers."""
    task = await cast.open()
    async with running(cast.url, api.address) as bot:
        held = await bot.holds("issue", task.id)

        with api.unregistered():
            unknown = await bot.says("renew", held.credential)
        await api.die()
        gone = await bot.says("renew", held.credential)
        (api.folder / "api.sock").unlink(missing_ok=True)
        absent = await bot.says("renew", held.credential)
        await cast.expect(alive=[held])

        await api.start(part("spiffe").parents[2], ID)

        async def is_back() -> bool:
            return "error" not in await bot.says("renew", held.credential)

        await eventually_true(is_back, "the next renewal")

    for answer in (unknown, gone, absent):
        assert answer["error"] == "WorkloadApiError"
        assert "SPIFFE_ENDPOINT_SOCKET" in answer["remedy"]
    assert unknown["says"].endswith("it answered PERMISSION_DENIED")
    assert gone["says"].endswith("it answered UNAVAILABLE")
    await cast.orchestrator.client.tasks.cancel(task.id)
    await cast.all_final(task.id, [held.credential])
    await cast.expect(dead=[held])


async def test_an_svid_for_somebody_else_opens_nothing(cast: Cast, api: Api) -> None:
    """Made out to another audience, or of another instance than the task's."""
    mine, twins = await cast.open(), await cast.open(cast.twin)
    async with running(cast.url, api.address, AUDIENCE="somebody-else") as bot:
        assert (await bot.says("issue", mine.id))["error"] == "UnauthenticatedError"
    async with running(cast.url, api.address, SUBJECT=ID) as bot:
        assert "error" in await bot.says("issue", twins.id)
        await cast.expect(alive=[await bot.holds("issue", mine.id)])
    async with running(cast.url, api.address, SUBJECT=ID.replace("pod-1", "pod-2")) as bot:
        assert (await bot.says("issue", twins.id))["error"] == "WorkloadApiError"
