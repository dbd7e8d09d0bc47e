"""Rotating keys under load: three broker processes, one ledger, everybody at work meanwhile."""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
import pytest_asyncio
import yaml

from broker.client.api_errors import BrokerUnavailableError
from tests.chaos.cast import Cast
from tests.chaos.world import QUICK, World, open_world, start_all

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

JWKS: Final = "/.well-known/jwks.json"
LIFE_S: Final = 2
"""The longest life of a token here: as long must a retiring key be waited for."""

PAUSE_S: Final = 0.1
"""Between two tokens: a task holds a hundred living ones at most, however fast the machine is."""


def short_lives(config: Path) -> None:
    """Let no token live long, so that a rotation can be waited for to its end."""
    file = config / "capabilities.yaml"
    document = yaml.safe_load(file.read_text())
    for capability in document["capabilities"]:
        capability["max_ttl_seconds"] = capability["default_ttl_seconds"] = LIFE_S
        capability.pop("break_glass", None)  # an emergency would be let last longer than that
    file.write_text(yaml.safe_dump(document))
    (config / "policies" / "tests.yaml").write_text("tests: []\n")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world() -> AsyncIterator[World]:
    """Three brokers that wait a second between the steps of a rotation."""
    changes = {**QUICK, "keys": {"cache_seconds": 0, "overlap_seconds": 1}}
    async with open_world(brokers=3, changes=changes, edit=short_lives) as world:
        await start_all(world.slots)
        yield world


class Watch:
    """Everybody who looks at keys while they rotate. What is wrong is kept in ``faults``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cast = Cast(world)
        self._urls = itertools.cycle(slot.url for slot in world.slots)
        self._is_over = False
        self._bodies: dict[str, str] = {}
        self.faults: list[str] = []
        self.signers: list[str] = []
        """Which key signed each of the tokens, in their order."""
        self.manifests: list[int] = []
        """Which manifest each answer showed, in the order of the questions."""

    async def over(self, work: asyncio.Task[Any]) -> Any:
        """Look on until the work is done, and a little longer; return what came of it."""
        looking = [asyncio.create_task(each()) for each in (self._issue, self._poll)]
        try:
            done = await work
            seen = len(self.signers)
            while len(self.signers) < seen + 3 and not any(  # noqa: ASYNC110 - other work ends it
                each.done() for each in looking
            ):
                await asyncio.sleep(0.02)
            return done
        finally:
            self._is_over = True
            await asyncio.gather(*looking)

    async def _issue(self) -> None:
        """Issue at one broker after the other; everybody must verify each token at once."""
        task = (await self._cast.open(idle_timeout_seconds=600)).id
        while not self._is_over:
            self._cast.url = next(self._urls)
            try:
                held = await self._cast.issue(task, ttl_seconds=LIFE_S)
            except BrokerUnavailableError as error:
                self.faults.append(f"{self._cast.url} gave nothing: {error}")
                continue
            kid = jwt.get_unverified_header(held.token)["kid"]
            self.signers.append(kid)
            for url in [slot.url for slot in self._world.slots]:
                self._verify(held.token, kid, json.loads((await self._ask(url))[1]), url)
            await asyncio.sleep(PAUSE_S)

    def _verify(self, token: str, kid: str, document: Any, url: str) -> None:
        """Verify a token by one broker's key set alone, with a library that knows nothing of us."""
        found = [key for key in document["keys"] if key["kid"] == kid]
        if len(found) != 1:
            self.faults.append(f"{url} does not show {kid}")
            return
        key = jwt.PyJWK(found[0])
        options = {"verify_aud": False, "verify_exp": False}
        jwt.decode(token, key, algorithms=[key.algorithm_name], options=options)

    async def _poll(self) -> None:
        """Ask one broker after the other: no answer may show less than one before it."""
        for url in itertools.cycle([slot.url for slot in self._world.slots]):
            tag, body = await self._ask(url)
            if self._bodies.setdefault(tag, body) != body:
                self.faults.append(f"{url} shows other keys as {tag}")
            self.manifests.append(int(tag.strip('"').split("-")[0]))
            if self._is_over:
                return

    async def _ask(self, url: str) -> tuple[str, str]:
        async with self._world.session.get(url + JWKS) as answer:
            return answer.headers["ETag"], await answer.text()


async def broker_command(world: World, *words: str) -> dict[str, Any]:
    """Run a command beside the brokers; return the JSON that it printed last."""
    config = str(world.slots[0].config)
    argv = [sys.executable, "-m", "broker", *words, "--json", "--config", config]
    said = await world.processes.run(f"command-{next(world.numbers)}", argv)
    answer: dict[str, Any] = json.loads(said[said.index("{\n") :])
    return answer


async def test_a_drill_under_load_is_noticed_by_nobody(world: World) -> None:
    """A whole rotation: every token verifies at every broker, all show the same at every moment."""
    watch = Watch(world)
    urls = [word for slot in world.slots for word in ("--broker", slot.url)]

    drilled = await watch.over(asyncio.create_task(broker_command(world, "keys", "drill", *urls)))

    assert watch.faults == []
    assert drilled["good"] is True
    assert [moment["step"] for moment in drilled["moments"]] == [
        "before",
        "announce",
        "promote",
        "retire",
    ]
    assert [sorted(key["state"] for key in moment["keys"]) for moment in drilled["moments"]] == [
        ["active"],
        ["active", "next"],
        ["active", "retiring"],
        ["active"],
    ]
    assert all(len(moment["served_by"]) == 6 for moment in drilled["moments"])
    assert [list(moment["verifies"].values()) for moment in drilled["moments"]] == [
        [True],
        [True],
        [True, True],
        [False, True],
    ]
    assert watch.manifests == sorted(watch.manifests)
    assert len(set(watch.manifests)) >= 3
    former, active = dict.fromkeys(watch.signers)
    assert watch.signers == sorted(watch.signers, key=[former, active].index)


async def test_a_stolen_key_is_replaced_under_load(world: World) -> None:
    """With a next key that everybody has, nobody waits; the stolen one signs no more."""
    await broker_command(world, "keys", "rotate", "--step", "announce")
    shown = await broker_command(world, "keys", "list")
    stolen = next(key["kid"] for key in shown["keys"] if key["state"] == "active")
    watch = Watch(world)

    revoked = await watch.over(
        asyncio.create_task(
            broker_command(world, "keys", "revoke", stolen, "--yes", "--reason", "a leak")
        )
    )

    assert revoked["acknowledged"] is True
    assert [key["state"] for key in revoked["keys"]] == ["active"]
    assert watch.manifests == sorted(watch.manifests)
    assert watch.signers[-1] != stolen
    # A token signed in the moment of the theft's discovery may be refused: it is dead anyway.
    assert [fault for fault in watch.faults if stolen not in fault] == []


async def test_a_broker_that_is_told_to_look_again_goes_on(world: World) -> None:
    """SIGHUP ends nobody: it looks at what is published and at the key files, and serves on."""
    slot = world.slots[0]
    before = slot.pid

    os.kill(slot.pid, signal.SIGHUP)
    async with asyncio.timeout(60):
        while "broker-looks-again" not in slot.log_text():  # noqa: ASYNC110 - it is in a file
            await asyncio.sleep(0.05)

    await slot.ready()
    assert (slot.pid, slot.is_up) == (before, True)
