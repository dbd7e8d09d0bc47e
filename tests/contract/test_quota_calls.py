"""Leases that are counted by one call are counted each by itself, whatever Redis it is."""

import asyncio

import pytest

from broker.errors import StoreUnavailableError
from broker.ids import LeaseId, TaskId
from broker.store.link import Link
from broker.store.quota_call import MOST
from broker.store.quotas import Quota, QuotaLedger
from tests.fakes.faulty_link import Fault, FaultyLink, PausingLink
from tests.fakes.ledger_kit import FAR, MINUTE, LedgerKit

AGENT = Quota("agent", "invoice-bot", 3)


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


@pytest.fixture
async def leases(kit: LedgerKit) -> list[LeaseId]:
    """More names than one call takes."""
    task = await kit.open()
    return [kit.ids.lease(task.id) for _ in range(MOST + 1)]


async def outcomes(
    ledger: QuotaLedger, leases: list[LeaseId], quota: Quota = AGENT
) -> list[Quota | BaseException | None]:
    """Take a place for each in the same turn; return what came of each."""
    takings = [ledger.begin([quota], lease, MINUTE).refused_by() for lease in leases]
    return await asyncio.gather(*takings, return_exceptions=True)


async def counted(kit: LedgerKit) -> list[str]:
    """Read who is counted."""
    return list(await kit.quotas.counted("agent", "invoice-bot", 0, 1_000))


async def test_those_who_come_first_get_the_places_that_are_left(
    kit: LedgerKit, leases: list[LeaseId]
) -> None:
    """In the order in which they came, as if each had come alone."""
    await kit.take([AGENT], leases[0], FAR)

    got = await outcomes(kit.quotas, leases[1:5])

    assert got == [None, None, AGENT, AGENT]
    assert sorted(await counted(kit)) == sorted(leases[:3])


async def test_who_is_counted_already_is_not_refused_beside_those_who_are(
    kit: LedgerKit, leases: list[LeaseId]
) -> None:
    """A renewal beside new ones, in a quota that is full."""
    for lease in leases[:3]:
        await kit.take([AGENT], lease, MINUTE)

    assert await outcomes(kit.quotas, [leases[3], leases[1]]) == [AGENT, None]


async def test_each_is_held_to_the_limit_that_it_came_with(
    kit: LedgerKit, leases: list[LeaseId]
) -> None:
    """A revision that changes a quota comes into force between two requests."""
    smaller = Quota("agent", "invoice-bot", 1)
    takings = [
        kit.quotas.begin([quota], lease, MINUTE).refused_by()
        for quota, lease in zip((AGENT, smaller, AGENT), leases, strict=False)
    ]

    assert await asyncio.gather(*takings) == [None, smaller, None]


async def test_what_has_expired_makes_room(kit: LedgerKit, leases: list[LeaseId]) -> None:
    """However much has expired together."""
    plenty = Quota("agent", "invoice-bot", len(leases))
    for _ in range(2):
        old = [kit.ids.lease(await _task(kit)) for _ in range(MOST)]
        await asyncio.gather(*(kit.take([plenty], lease, 0) for lease in old))

    assert await outcomes(kit.quotas, leases[:4]) == [None, None, None, AGENT]


async def _task(kit: LedgerKit) -> TaskId:
    return (await kit.open()).id


@pytest.mark.parametrize(("leases", "calls"), [(1, 1), (2, 2), (MOST + 1, 2), (MOST + 2, 3)])
async def test_one_call_counts_those_who_come_after_the_first(
    link: Link, *, leases: int, calls: int
) -> None:
    """The first waits for nobody, and no call holds a server up for long."""
    counting = FaultyLink(link)
    kit = LedgerKit(counting)
    task = await kit.open()
    counting.arm(None)
    plenty = Quota("agent", "invoice-bot", 10 * MOST)

    got = await outcomes(kit.quotas, [kit.ids.lease(task.id) for _ in range(leases)], plenty)

    assert set(got) == {None}
    assert counting.calls == calls


@pytest.mark.parametrize("after", [False, True])
async def test_a_lost_call_is_unknown_to_everybody_who_shared_it(
    link: Link, *, after: bool
) -> None:
    """Nobody takes it for a place, and nobody waits for ever."""
    faulty = FaultyLink(link)
    kit = LedgerKit(faulty)
    task = await kit.open()
    faulty.arm(Fault(1, after=after, for_good=False))

    got = await outcomes(kit.quotas, [kit.ids.lease(task.id) for _ in range(3)])

    assert got[0] is None
    assert [type(one) for one in got[1:]] == [StoreUnavailableError] * 2


async def test_who_gives_up_waiting_disturbs_nobody(link: Link) -> None:
    """A client that hung up, beside others that did not."""
    slow = PausingLink(link, at=10_000)
    kit = LedgerKit(slow)
    task = await kit.open()
    slow.pause_at(1)
    waiting = [
        asyncio.ensure_future(kit.take([AGENT], kit.ids.lease(task.id), MINUTE)) for _ in range(3)
    ]
    await slow.reached.wait()

    waiting[1].cancel()
    slow.released.set()
    got = await asyncio.gather(*waiting, return_exceptions=True)

    assert [got[0], got[2]] == [None, None]
    assert isinstance(got[1], asyncio.CancelledError)
