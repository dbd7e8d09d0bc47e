"""Comparing and ending orphans while two brokers mint and kill as fast as they can.

There is no wait for the second look here: that a mint is never taken for an orphan rests on the
order of reading alone. The target is slow at random, so that everything overlaps.
"""

import asyncio
import os
import random  # noqa: TID251 - a seeded choice of who does what
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.comparing import Comparing
from broker.model.comparison import Comparison, Differs, digest_of
from broker.places import Places
from broker.reconciling import Ended, Order, Reconciling
from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_kind import enter
from tests.fakes.toy_target import ToyTarget
from tests.fakes.toy_world import ToyWorld, open_toy_world, toys
from tests.fakes.world_config import Template
from tests.fakes.yard import reach

SEED = int(os.environ.get("RACE_SEED", "20261129"))
"""Set it to tell the same story again."""

WORKERS = 6
ROUNDS = 10
"""Credentials that each worker asks for."""

ONE = toys("yard-1")


@pytest.fixture(autouse=True)
def _in_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look quickly: as many looks as can be while a mint is under way."""
    monkeypatch.setattr("tests.fakes.toy_kind.PAGE", 500)


@pytest.fixture
def toy() -> Iterator[ToyTarget]:
    """The target."""
    with ToyTarget() as toy:
        yield toy


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path, toy: ToyTarget
) -> AsyncIterator[ToyWorld]:
    """Two brokers that have it."""
    async with open_toy_world(single, template, signer, tmp_path, [toy]) as world:
        await world.start(targets=world.config.folder / "targets.yaml")
        yield world


class Race:
    """Those who mint and end, who leaves orphans, and who looks for them and kills them."""

    def __init__(self, world: ToyWorld, toy: ToyTarget) -> None:
        self.world = world
        self.toy = toy
        self.chance = random.Random(SEED)  # noqa: S311 - see the import
        self.living: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.planted: set[str] = set()
        self.ended: list[Ended] = []
        self.looks = 0
        self._is_over = False
        ledger = world.broker.ledger
        self._target = reach(toy, "yard-1", deadline_ms=20_000)
        self._comparing = Comparing(ledger.at_targets, _at_once)
        self._reconciling = Reconciling(
            at_targets=ledger.at_targets,
            leases=ledger.leases,
            places=Places(ledger.quotas),
            kept=ledger.reconciliations,
        )

    async def run(self) -> None:
        """Let them all loose, until everything was minted; then look once more."""
        looking = asyncio.create_task(self._look())
        await asyncio.gather(*(self._work(number) for number in range(WORKERS)))
        self._is_over = True
        await looking
        await self._compare_and_end()

    async def _work(self, number: int) -> None:
        at = number % 2
        task = await self.world.toy_task("yard-1")
        for _ in range(ROUNDS):
            answer = await self.world.ask(task, at=at, **ONE)
            if answer.status != 201:
                assert answer.status in (502, 503), answer.raw  # it was slow
                continue
            await self._go_on(answer.body, at)

    async def _go_on(self, credential: dict[str, Any], at: int) -> None:
        """Keep it, give it back at once, or leave something of nobody's beside it."""
        what = self.chance.choice(("keep", "give", "give", "plant"))
        if what == "give":
            answer = await self.world.call(
                AGENT, "DELETE", f"/v1/credentials/{credential['id']}", at=at
            )
            assert answer.status in (200, 204), answer.raw
            self.dead.append(credential)
            return
        self.living.append(credential)
        if what == "plant":
            lease = credential["id"][:-4] + "".join(self.chance.choices("abcdefgh", k=4))
            self.planted.add(f"toy_{lease}")
            self.toy.plant(f"toy_{lease}", self.world.broker.replica.epoch, lease)

    async def _look(self) -> None:
        while not self._is_over:
            thinks = {"mint": (0, 20, 150), "kill": (0, 20, 150)}
            self.toy.slow_ms = {op: self.chance.choice(ms) for op, ms in thinks.items()}
            await self._compare_and_end()

    async def _compare_and_end(self) -> None:
        compared = await self._compare()
        order = Order("uid-0@test", "a race", digest_of([compared]))
        self.ended += await self._reconciling.end({"yard-1": self._target}, [compared], order)

    async def _compare(self) -> Comparison:
        compared = await self._comparing.compare(self._target, self.world.broker.replica.epoch)
        self.looks += 1
        for one in compared.differences:
            assert (one.kind, one.locator in self.planted) == (Differs.ORPHAN, True), one
        return compared


async def _at_once(seconds: float) -> None:
    """Wait for nothing."""
    assert seconds >= 0
    await asyncio.sleep(0)


async def test_no_mint_is_taken_for_an_orphan_and_no_orphan_is_left(
    world: ToyWorld, toy: ToyTarget
) -> None:
    """What lives works, what was given back is dead, what was planted is gone."""
    race = Race(world, toy)

    await race.run()

    toy.slow_ms = {}
    names = {each["secret"]["username"] for each in race.living}
    assert race.living
    assert race.planted
    assert race.looks > 2
    assert all(enter(toy, each["secret"]) is not None for each in race.living)
    assert {each.difference.locator for each in race.ended if each.state == "confirmed"} == (
        race.planted
    )
    for each in race.dead:
        await world.until(each["task"], each["id"], "confirmed")
    assert toy.names >= names
    assert not toy.names & {each["secret"]["username"] for each in race.dead}
    assert not toy.names & race.planted
