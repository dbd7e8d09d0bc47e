"""A target behind its deadline and its breaker: one that hangs delays no other (I11)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from backends.contract import Death, Place, Wish
from backends.errors import BackendError, NotMintedError, Trouble
from broker.clock import SystemClock
from broker.targets.target import Bounds, Target
from tests.fakes.replace import replace
from tests.fakes.toy_kind import ToyBackend, ToyOptions, ToyTemplate
from tests.fakes.toy_target import ToyTarget

FAR_MS = 10**14


class Tally:
    """Counts what a target is told of."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str, str]] = Counter()

    def target_called(self, target: str, operation: str, outcome: str) -> None:
        """Count one."""
        self.calls[target, operation, outcome] += 1


def wish(name: str = "l_00_a") -> Wish:
    """Ask for anything."""
    return Wish(
        lease=name,
        task="t",
        tenant="acme",
        agent="bot",
        capability="toys",
        on_behalf_of="",
        scopes=("play",),
        template=ToyTemplate(),
    )


def over(server: ToyTarget, tally: Tally, name: str = "yard", **bounds: Any) -> Target:
    """Reach a toy target."""
    few = Bounds(**{"deadline_ms": 300, "threads": 1, "queue": 1, "failures": 2, **bounds})
    backend = ToyBackend(ToyOptions(port=server.port))
    return Target(name, "toy", backend, few, clock=SystemClock(), told=tally)


def give(target: Target, deadline_ms: int) -> None:
    """Let its calls take so long from now on: a busy machine is no target that hangs."""
    target.bounds = replace(target.bounds, deadline_ms=deadline_ms)


@pytest.fixture
def server() -> Iterator[ToyTarget]:
    """A toy target."""
    with ToyTarget() as server:
        yield server


@pytest.fixture
def other() -> Iterator[ToyTarget]:
    """Another one."""
    with ToyTarget("toy-2") as server:
        yield server


async def minted(target: Target, name: str) -> Place:
    """Mint one."""
    deadline = target.deadline()
    place = await target.locate(wish(name), deadline)
    await target.mint(wish(name), place, FAR_MS, deadline)
    return place


async def test_it_mints_and_kills(server: ToyTarget) -> None:
    """And tells how each call went."""
    tally = Tally()
    target = over(server, tally, deadline_ms=60_000)

    place = await minted(target, "l_00_a")
    deaths = [await target.kill(place), await target.kill(place)]

    assert deaths == [Death.GONE, Death.ABSENT]
    assert tally.calls == {
        ("yard", "locate", "ok"): 1,
        ("yard", "mint", "ok"): 1,
        ("yard", "kill", "ok"): 2,
    }


async def test_one_that_hangs_delays_no_other(server: ToyTarget, other: ToyTarget) -> None:
    """Its own calls are refused, first late, then busy, then at once."""
    server.freeze()
    tally = Tally()
    stuck, free = over(server, tally), over(other, tally, "free", deadline_ms=60_000)

    async def refused() -> Trouble:
        with pytest.raises(BackendError) as caught:
            await stuck.locate(wish(), stuck.deadline())
        return caught.value.trouble

    asked = [asyncio.create_task(refused()) for _ in range(4)]
    await minted(free, "l_00_b")
    troubles = Counter(await asyncio.gather(*asked))

    assert troubles[Trouble.BUSY] == 2
    assert troubles.keys() <= {Trouble.BUSY, Trouble.LATE, Trouble.UNREACHABLE}
    assert stuck.is_resting
    assert not free.is_resting
    with pytest.raises(NotMintedError, match="left alone"):
        await stuck.locate(wish(), stuck.deadline())
    assert other.names == {"toy_l_00_b"}


async def test_killing_waits_for_no_mint(server: ToyTarget) -> None:
    """It has threads of its own, and no breaker holds it back."""
    tally = Tally()
    target = over(server, tally, deadline_ms=60_000)
    place = await minted(target, "l_00_a")
    server.freeze()
    give(target, 300)
    for _ in range(3):
        with pytest.raises(BackendError):
            await target.locate(wish(), target.deadline())
    assert target.is_resting

    server.thaw()
    give(target, 60_000)
    death = await target.kill(place)

    assert death is Death.GONE
    assert not target.is_resting


async def test_what_a_frozen_target_does_late_was_never_wanted(server: ToyTarget) -> None:
    """Once it answers again it makes nothing of what was given up."""
    target = over(server, Tally(), deadline_ms=60_000)
    place = await target.locate(wish(), target.deadline())
    server.freeze()
    give(target, 300)

    with pytest.raises(BackendError) as caught:
        await target.mint(wish(), place, FAR_MS, target.deadline())
    server.thaw()
    give(target, 60_000)

    assert not isinstance(caught.value, NotMintedError)
    assert await target.kill(place) is Death.ABSENT
    assert server.names == set()
