"""An order ends exactly the set that it names, at the target and in the ledger, and says so."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from backends.contract import Deadline, Death, Place
from backends.errors import BackendError, Trouble
from broker.clock import SystemClock
from broker.errors import SupersededError
from broker.ids import bucket_of
from broker.model.comparison import Comparison, digest_of
from broker.model.lease import LeaseState
from broker.places import Places
from broker.reconciling import Ended, Order, Reconciling
from broker.store.link import Link
from broker.store.quotas import Quota
from broker.store.reconciliations import Reconciliations
from broker.targets.target import Bounds, Target
from tests.fakes.ledger_kit import FAR
from tests.fakes.toy_kind import EPOCH, ToyBackend, ToyOptions
from tests.fakes.toy_target import ToyTarget
from tests.fakes.yard import NAME, Untold, Yard

ORPHAN = "l_01_" + "a" * 26


class Ordered(Yard):
    """A yard in which somebody gives orders."""

    def __init__(self, link: Link, toy: ToyTarget) -> None:
        super().__init__(link, toy)
        self.reconciling = Reconciling(
            at_targets=self.at_targets,
            leases=self.leases,
            places=Places(self.quotas),
            kept=Reconciliations(link, self.keys, self.ids),
            sleep=self.sleep,
        )

    def orphan(self, lease: str = ORPHAN, epoch: str = EPOCH) -> str:
        """Leave one behind; return its name."""
        self.toy.plant(f"toy_{lease}", epoch, lease)
        return f"toy_{lease}"

    async def end(self, *found: Comparison, digest: str = "") -> list[Ended]:
        """End what differs."""
        order = Order("uid-0@test", "a test", digest or digest_of(found))
        return await self.reconciling.end({NAME: self.target}, found, order)

    async def told_of(self, any_id: str, *kinds: str) -> list[dict[str, Any]]:
        """Read what a bucket has told of some kinds."""
        told = await self.told(any_id)
        return [
            {"type": each["type"], **json.loads(each["detail"])}
            for each in told
            if each["type"] in kinds
        ]


@pytest.fixture
def toy() -> Iterator[ToyTarget]:
    """A target."""
    with ToyTarget() as toy:
        yield toy


@pytest.fixture
def yard(link: Link, toy: ToyTarget) -> Ordered:
    """A ledger, and that target."""
    return Ordered(link, toy)


async def test_an_orphan_is_killed_and_the_rest_lives(yard: Ordered) -> None:
    """Another ledger's, one without a mark, a stranger, and what a lease has."""
    orphan, theirs = yard.orphan(), yard.orphan("l_01_" + "b" * 26, "another-epoch")
    yard.toy.plant("toy_by_hand")
    yard.toy.plant("reporting")
    spec = await yard.minted(await yard.open())

    (ended,) = await yard.end(await yard.compare())

    assert (ended.difference.locator, ended.state) == (orphan, "confirmed")
    assert ended.is_done
    assert yard.toy.names == {theirs, "toy_by_hand", "reporting", spec.locator}


async def test_it_is_told_before_and_after(yard: Ordered) -> None:
    """Who wanted it and why, and what came of it, in the lease's own part of the ledger."""
    orphan = yard.orphan()
    compared = await yard.compare()
    await yard.end(compared)

    ordered, killed = await yard.told_of(ORPHAN, "reconcile.ordered", "orphan.killed")

    about = {"target": NAME, "identity": "toy-1", "locator": orphan, "credential": ORPHAN}
    about |= {"epoch": EPOCH, "differs": "orphan"}
    said = {"by": "uid-0@test", "reason": "a test", "digest": digest_of([compared])}
    assert ordered == {"type": "reconcile.ordered", **about, **said}
    assert killed == {"type": "orphan.killed", **about, "state": "confirmed"}


async def test_another_set_than_the_digest_names_is_refused(yard: Ordered) -> None:
    """And nothing of it is touched."""
    first = yard.orphan()
    digest = digest_of([await yard.compare()])
    second = yard.orphan("l_02_" + "b" * 26)

    with pytest.raises(SupersededError, match="another set"):
        await yard.end(await yard.compare(), digest=digest)

    assert yard.toy.names == {first, second}
    assert await yard.told_of(ORPHAN, "reconcile.ordered") == []


async def test_what_has_a_lease_by_then_is_spared(yard: Ordered) -> None:
    """The ledger is asked once more, right before."""
    task = await yard.open()
    spec = await yard.reserve(task)
    record = yard.keys.of(spec.id).lease(spec.id)
    await yard.link.read("RENAME", record, f"{record}:aside")
    yard.toy.plant(spec.locator, EPOCH, spec.id)
    compared = await yard.compare()
    await yard.link.read("RENAME", f"{record}:aside", record)

    (ended,) = await yard.end(compared)

    assert (ended.state, ended.is_done) == ("spared", True)
    assert yard.toy.names == {spec.locator}


async def test_the_lease_of_what_is_missing_ends(yard: Ordered) -> None:
    """Its holder's credential is dead: the ledger says so, and its place is free."""
    task = await yard.open()
    spec = await yard.minted(task)
    quota = Quota("agent", spec.agent, 5)
    await yard.take([quota], spec.id, FAR)
    yard.toy.drop(spec.locator)

    (ended,) = await yard.end(await yard.compare())

    found = await yard.deaths.find(spec.id)
    assert found is not None
    assert (ended.state, found.state, found.ended_by) == ("ended", LeaseState.ENDED, "missing")
    assert f"v:{spec.id}" in await yard.works(task.id)
    assert await yard.link.read("ZSCORE", yard.keys.quota("agent", spec.agent), spec.id) is None
    (ordered,) = await yard.told_of(spec.id, "reconcile.ordered")
    assert ordered["differs"] == "missing"


async def test_the_undead_are_killed_again(yard: Ordered) -> None:
    """What the ledger has as dead is dead again."""
    spec = await yard.minted(await yard.open())
    await yard.killed(spec)
    yard.toy.plant(spec.locator, EPOCH, spec.id)

    (ended,) = await yard.end(await yard.compare())

    assert ended.state == "confirmed"
    assert yard.toy.names == set()


async def test_the_undead_without_our_mark_are_shown_and_left_alone(yard: Ordered) -> None:
    """Whose it is cannot be said, whatever it is called."""
    spec = await yard.minted(await yard.open())
    await yard.killed(spec)
    yard.toy.plant(spec.locator, lease=spec.id)

    compared = await yard.compare()

    assert compared.is_alarming
    assert compared.condemned == ()
    assert await yard.end(compared) == []
    assert yard.toy.names == {spec.locator}


async def test_many_are_ended_as_their_targets_bear(yard: Ordered) -> None:
    """All of them, told as they go."""
    for number in range(11):
        yard.orphan(f"l_0{number % 4}_" + "cdefghijklm"[number] * 26)
    heard: list[tuple[int, int]] = []
    compared = await yard.compare()
    order = Order("uid-0@test", "a test", digest_of([compared]))

    ended = await yard.reconciling.end(
        {NAME: yard.target},
        [compared],
        order,
        lambda what, done, total: heard.append((done, total)),  # noqa: ARG005
    )

    assert [each.state for each in ended] == ["confirmed"] * 11
    assert yard.toy.names == set()
    assert heard[-1] == (11, 11)
    told = [
        each for bucket in range(4) for each in await yard.told_of(f"l_0{bucket}_", "orphan.killed")
    ]
    assert len(told) == 11


async def test_whoever_dies_in_the_middle_has_said_what_was_ordered(yard: Ordered) -> None:
    """And the next comparison finds what is left."""
    orphan = yard.orphan()
    compared = await yard.compare()
    yard.toy.freeze("kill")

    dying = asyncio.create_task(yard.end(compared))
    while not await yard.told_of(ORPHAN, "reconcile.ordered"):  # noqa: ASYNC110 - it is in Redis
        await asyncio.sleep(0.01)
    dying.cancel()
    await asyncio.wait([dying])
    assert await yard.told_of(ORPHAN, "orphan.killed") == []
    yard.toy.thaw()

    again = await yard.compare()
    for each in await yard.end(again):
        assert (each.difference.locator, each.state) == (orphan, "confirmed")
    assert yard.toy.names == set()


class Slow(ToyBackend):
    """Takes orders, and carries them out when asked again."""

    asked = 0

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        """Accept first."""
        self.asked += 1
        return Death.ACCEPTED if self.asked == 1 else super().revoke(place, deadline)


class Stubborn(ToyBackend):
    """Kills nothing."""

    def revoke(self, place: Place, deadline: Deadline) -> Death:  # noqa: ARG002 - whatever it is
        """Say no."""
        raise BackendError(Trouble.REFUSED, "no")


@pytest.mark.parametrize(("kind", "state"), [(Slow, "confirmed"), (Stubborn, "pending")])
async def test_what_does_not_die_at_once_is_tried_again(
    yard: Ordered, kind: type[ToyBackend], state: str
) -> None:
    """A few times; then it is said, and the next order comes back to it."""
    yard.orphan()
    backend = kind(ToyOptions(port=yard.toy.port))
    bounds = Bounds(deadline_ms=20_000)
    yard.target = Target(NAME, "toy", backend, bounds, clock=SystemClock(), told=Untold())

    (ended,) = await yard.end(await yard.compare())

    assert (ended.state, ended.is_done) == (state, state == "confirmed")
    assert (await yard.told_of(ORPHAN, "orphan.killed"))[0]["state"] == state
    assert bucket_of(ORPHAN) == 1
