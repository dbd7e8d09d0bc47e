"""Counting what is in the ledger."""

from broker.store.census import STUCK_MS, Counting
from broker.store.link import Link
from broker.store.quotas import Quota
from tests.fakes.ledger_kit import FAR, LedgerKit


async def test_the_census_counts_sets(link: Link) -> None:
    """Outbox entries, ordered work that is late, live credentials of the tenants."""
    kit = LedgerKit(link)
    task = await kit.open()
    granted = await kit.grant(task)
    await kit.take([Quota("tenant", "acme", 9)], granted.lease, FAR)
    await kit.close(task)
    closed = (await kit.tasks.view(task.id)).closed_at_ms
    counting = Counting(link, kit.keys)

    soon = await counting.take(["acme", "globex"], closed + STUCK_MS - 1)
    late = await counting.take(["acme", "globex"], closed + STUCK_MS)

    assert (soon.outbox, soon.stuck, soon.credentials) == (3, 0, 1)
    assert (late.outbox, late.stuck, late.credentials) == (3, 1, 1)
