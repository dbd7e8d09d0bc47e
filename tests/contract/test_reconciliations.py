"""Turns of comparing targets, and what came of them, over every way to reach Redis."""

import asyncio
import json

import pytest

from broker.errors import UnreadableRecordError
from broker.store.link import Link
from broker.store.reconciliations import Kept, Outcome, Reconciliations
from tests.fakes.ledger_kit import MINUTE, LedgerKit


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


@pytest.fixture
def kept(kit: LedgerKit) -> Reconciliations:
    """What is kept there."""
    return Reconciliations(kit.link, kit.keys, kit.ids)


async def test_one_of_many_gets_the_turn(kept: Reconciliations) -> None:
    """The others are told how far the next one is away; each target has turns of its own."""
    away = await asyncio.gather(*(kept.take("yard", MINUTE) for _ in range(8)))

    assert away.count(0) == 1
    assert all(0 <= each <= MINUTE for each in away)
    assert await kept.take("other", MINUTE) == 0


async def test_a_turn_comes_again(kept: Reconciliations) -> None:
    """Whoever had the last one, and whatever became of it."""
    assert await kept.take("yard", 1) == 0
    await asyncio.sleep(0.01)
    assert await kept.take("yard", 1) == 0


async def test_a_shorter_period_counts_at_once(kept: Reconciliations) -> None:
    """A turn that lies further ahead than a period is of a longer one, or of a wrong clock."""
    assert await kept.take("yard", 1_000 * MINUTE) == 0
    assert await kept.take("yard", MINUTE) == 0
    assert await kept.take("yard", MINUTE) > 0


async def test_a_failure_hides_nothing_that_is_known(kept: Reconciliations) -> None:
    """It stands beside the last comparison, until there is another."""
    outcome = Outcome(by="broker", seen=3, known=2, found={"orphan": 1})
    await kept.failed("new", "late")
    await kept.keep("yard", outcome)
    await kept.failed("yard", "unreachable")
    failed = await kept.all()
    await kept.keep("yard", outcome)
    mended = await kept.all()

    assert failed["new"] == Kept(trouble="late")
    assert (failed["yard"].outcome, failed["yard"].trouble) == (outcome, "unreachable")
    assert failed["yard"].at_ms > 0
    assert mended["yard"].trouble == ""


async def test_what_is_none_of_ours_is_said_to_be(kit: LedgerKit, kept: Reconciliations) -> None:
    """Rather than shown as a comparison."""
    await kit.link.read("HSET", kit.keys.reconciled, "is:yard", "7 garbage")

    with pytest.raises(UnreadableRecordError):
        await kept.all()


@pytest.mark.parametrize("lease", ["l_02_" + "a" * 26, "never a lease"])
async def test_what_was_done_is_told(kit: LedgerKit, kept: Reconciliations, lease: str) -> None:
    """In the part of the ledger that the lease would be in, or in the first."""
    detail = {"target": "yard", "locator": "jit_x"}

    await kept.tell("orphan.killed", lease, detail)

    home = lease if lease.startswith("l_") else "t_00_"
    (told,) = await kit.told(home)
    assert (told["type"], json.loads(told["detail"])) == ("orphan.killed", detail)
