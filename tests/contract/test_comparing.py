"""Ledger and target are compared in both directions, over every way to reach Redis."""

from collections.abc import Iterator

import pytest

from backends.contract import Sighting
from backends.errors import OtherTargetError
from broker.comparing import Incomparable
from broker.model.comparison import Differs, digest_of
from broker.store.link import Link
from tests.fakes.toy_kind import EPOCH
from tests.fakes.toy_target import ToyTarget
from tests.fakes.yard import Yard, reach

LOST = "a-ledger-that-was-lost"


@pytest.fixture
def toy() -> Iterator[ToyTarget]:
    """A target."""
    with ToyTarget() as toy:
        yield toy


@pytest.fixture
async def yard(link: Link, toy: ToyTarget) -> Yard:
    """A ledger, and that target."""
    return Yard(link, toy)


async def test_what_both_have_is_no_difference(yard: Yard) -> None:
    """Active, reserved, dying and dead ones; and nobody waits for a second look."""
    task = await yard.open()
    for _ in range(5):
        await yard.minted(task)
    await yard.killed(await yard.minted(task))
    dying = await yard.minted(task)
    await yard.leases.end([(dying.id, task.id)], "revoked")
    minting = await yard.reserve(task)
    yard.toy.plant(minting.locator, EPOCH, minting.id)
    await yard.grant(task)  # a token of ours, which has no target

    compared = await yard.compare()

    assert compared.differences == ()
    assert (compared.seen, compared.known) == (7, 7)
    assert yard.waited == []


async def test_what_no_lease_has_is_an_orphan(yard: Yard) -> None:
    """If it bears this ledger's mark; what bears another is counted, what bears none is named."""
    await yard.minted(await yard.open())
    yard.toy.plant("toy_l_00_" + "a" * 26, EPOCH, "l_00_" + "a" * 26)
    yard.toy.plant("toy_old", EPOCH, "not even a lease")
    yard.toy.plant("toy_theirs", LOST, "l_00_" + "b" * 26)
    yard.toy.plant("toy_by_hand")
    yard.toy.plant("reporting")

    compared = await yard.compare()

    assert {each.locator: each.kind for each in compared.differences} == {
        "toy_l_00_" + "a" * 26: Differs.ORPHAN,
        "toy_old": Differs.ORPHAN,
        "toy_by_hand": Differs.UNMARKED,
    }
    assert compared.foreign == {LOST: 1}
    assert [each.locator for each in compared.condemned] == ["toy_l_00_" + "a" * 26, "toy_old"]
    assert sum(yard.waited) >= 20 + 5  # a mint's deadline, and its time to take effect


async def test_a_lost_ledger_s_are_ours_when_an_operator_says_so(yard: Yard) -> None:
    """And only then."""
    yard.toy.plant("toy_theirs", LOST, "l_00_" + "b" * 26)

    assert await yard.found() == {}
    assert await yard.found(lost=frozenset({LOST})) == {"toy_theirs": Differs.ORPHAN}


async def test_what_somebody_dropped_is_missing(yard: Yard) -> None:
    """Its lease is active, and nothing is there."""
    task = await yard.open()
    dropped, _ = await yard.minted(task), await yard.minted(task)
    yard.toy.drop(dropped.locator)

    compared = await yard.compare()

    (one,) = compared.differences
    assert (one.kind, one.locator, one.lease) == (Differs.MISSING, dropped.locator, dropped.id)
    assert one.is_condemned
    assert one.sighting is Sighting.ABSENT


async def test_what_dies_of_age_is_not_missing(yard: Yard) -> None:
    """Whoever ends its lease may be slow, or not be there at all."""
    spec = await yard.minted(await yard.open(), ttl_ms=3_000)
    yard.toy.drop(spec.locator)

    assert await yard.found() == {}


async def test_a_reservation_is_never_missing(yard: Yard) -> None:
    """Nobody said that it exists."""
    await yard.reserve(await yard.open())

    assert await yard.found() == {}


async def test_what_was_confirmed_dead_and_lives_is_named(yard: Yard) -> None:
    """A target that was put back to what it was yesterday has it again (I3)."""
    spec = await yard.minted(await yard.open())
    await yard.killed(spec)
    yard.toy.plant(spec.locator, EPOCH, spec.id)

    assert await yard.found() == {spec.locator: Differs.UNDEAD}


async def test_what_is_under_way_at_the_first_look_is_no_difference(yard: Yard) -> None:
    """Killed, minted or ended between the looks: the second one says so."""
    task = await yard.open()
    ending, doomed = await yard.minted(task), "toy_" + "l_00_" + "c" * 26
    yard.toy.drop(ending.locator)
    yard.toy.plant(doomed, EPOCH, "l_00_" + "c" * 26)

    async def meanwhile() -> None:
        await yard.killed(ending)
        yard.toy.drop(doomed)

    yard.meanwhile = meanwhile

    assert await yard.found() == {}


async def test_what_lives_at_another_server_is_set_aside(yard: Yard) -> None:
    """Who answers there now is not who was recorded: of its leases nothing can be said."""
    await yard.minted(await yard.open())
    yard.toy.identity = "another server"
    for name in yard.toy.names:
        yard.toy.drop(name)

    compared = await yard.compare()

    assert compared.elsewhere == 1
    assert compared.differences == ()


async def test_a_copy_at_another_server_is_an_orphan_there(yard: Yard) -> None:
    """No lease will ever kill it: its lease is about the server that was recorded."""
    spec = await yard.minted(await yard.open())
    yard.toy.identity = "a copy"

    assert await yard.found() == {spec.locator: Differs.ORPHAN}


async def test_another_target_of_ours_on_the_same_server_is_known(yard: Yard) -> None:
    """Whatever the targets are called here."""
    await yard.minted(await yard.open(), name="other-name")

    compared = await yard.compare()

    assert (compared.seen, compared.known, compared.differences) == (1, 1, ())


async def test_a_target_that_changes_meanwhile_is_not_compared(yard: Yard) -> None:
    """Two halves of two servers are no inventory."""
    yard.toy.plant("toy_old", EPOCH, "x")

    async def meanwhile() -> None:
        yard.toy.identity = "another server"

    yard.meanwhile = meanwhile

    with pytest.raises(OtherTargetError):
        await yard.compare()


async def test_a_target_that_hangs_is_said_to(yard: Yard) -> None:
    """In its deadline, with the word for it."""
    target = reach(yard.toy, deadline_ms=200)
    yard.toy.freeze()

    result = await yard.comparing.try_to(target, EPOCH)
    yard.toy.thaw()

    assert isinstance(result, Incomparable)
    assert result.trouble in ("late", "unreachable")


async def test_the_same_set_has_the_same_digest_and_another_has_not(yard: Yard) -> None:
    """Whatever else there is."""
    yard.toy.plant("toy_one", EPOCH, "x")
    first = digest_of([await yard.compare()])
    yard.toy.plant("toy_theirs", LOST, "x")
    again = digest_of([await yard.compare()])
    yard.toy.plant("toy_two", EPOCH, "x")
    grown = digest_of([await yard.compare()])

    assert first == again
    assert grown not in (first, digest_of([]))
