"""Orders on picked sets: large ones are due work, which survives the death of any broker."""

import pytest

from broker.ids import LeaseId, parse_revocation_id
from broker.model.requests import Revocation, Selector, SelectorKind
from broker.model.selection import Criteria, Progress
from broker.model.task import Task
from broker.store.link import Link
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

LEASES = 9


@pytest.fixture
def kit(link: Link, monkeypatch: pytest.MonkeyPatch) -> VerbsKit:
    """The verbs, for which four leases are a large set and one piece, in batches of two."""
    monkeypatch.setattr("broker.set_orders.AT_ONCE", 3)
    monkeypatch.setattr("broker.set_orders._PIECE", 4)
    monkeypatch.setattr("broker.set_orders.END_BATCH", 2)
    return VerbsKit(link)


async def many(kit: VerbsKit) -> tuple[list[Task], list[str]]:
    """Open tasks with a few leases each."""
    tasks = [await kit.open() for _ in range(3)]
    leases = [await kit.issue(task) for task in tasks for _ in range(LEASES // 3)]
    return tasks, leases


async def order(kit: VerbsKit, digest: str) -> Revocation:
    """Let the operator kill a set."""
    selector = Selector(SelectorKind.SET, digest)
    return await kit.verbs.revocations.order(kit.operator, selector, "a test says so", "")


async def alive(kit: VerbsKit, leases: list[str]) -> int:
    """Count what is alive."""
    views = [await kit.ledger.leases.view(LeaseId(lease)) for lease in leases]
    return sum(view.is_alive for view in views)


async def test_a_large_set_is_killed_piece_by_piece(kit: VerbsKit) -> None:
    """Its order says how far it has come, and is acknowledged when every lease is dead."""
    _, leases = await many(kit)
    taken = await kit.verbs.selections.take(kit.operator, Criteria(agent="invoice-bot"))

    ordered = await order(kit, taken.digest)
    assert (ordered.is_acknowledged, ordered.progress) == (False, Progress(0, LEASES))
    assert await alive(kit, leases) == LEASES
    left = []
    while not ordered.is_acknowledged:
        await kit.reap()
        ordered = await kit.verbs.revocations.show(kit.operator, ordered.id)
        left.append(await alive(kit, leases))

    assert left == [5, 1, 0]
    assert await kit.counted("agent", "invoice-bot") == []


async def test_another_broker_goes_on_where_one_has_died(kit: VerbsKit) -> None:
    """What has been ended is noted in the ledger, and so is the order."""
    _, leases = await many(kit)
    taken = await kit.verbs.selections.take(kit.operator, Criteria(agent="invoice-bot"))
    ordered = await order(kit, taken.digest)
    await kit.reap()

    other = VerbsKit(kit.link)
    for _ in range(3):
        await other.reap()

    assert await alive(kit, leases) == 0
    shown = await other.verbs.revocations.show(other.operator, ordered.id)
    assert shown.is_acknowledged
    for bucket in range(BUCKETS):
        claimed = await kit.ledger.due.claim(bucket, limit=10, hide_ms=1)
        assert not [work for work in claimed if work.kind == "x"]


async def test_who_is_behind_does_not_set_the_order_back(kit: VerbsKit) -> None:
    """Two brokers may work at one order; the furthest place counts."""
    await many(kit)
    taken = await kit.verbs.selections.take(kit.operator, Criteria(agent="invoice-bot"))
    ordered = await order(kit, taken.digest)
    name = parse_revocation_id(ordered.id)

    await kit.ledger.orders.advance(name, 7)
    await kit.ledger.orders.advance(name, 5)

    assert await kit.ledger.orders.place(name) == 7


async def test_a_record_that_cannot_be_read_keeps_no_other_from_its_end(kit: VerbsKit) -> None:
    """The order is not acknowledged, and its report says of which credential it cannot tell."""
    _, leases = await many(kit)
    taken = await kit.verbs.selections.take(kit.operator, Criteria(agent="invoice-bot"))
    ordered = await order(kit, taken.digest)
    bad = LeaseId(sorted(leases)[4])
    key = kit.ledger.keys.of(bad).lease(bad)
    await kit.link.read("DEL", key)
    await kit.link.read("SET", key, "garbage")

    for _ in range(4):
        await kit.reap()

    assert await alive(kit, [lease for lease in leases if lease != bad]) == 0
    shown = await kit.verbs.revocations.show(kit.operator, ordered.id)
    assert not shown.is_acknowledged
    page = await kit.verbs.reports.of_revocation(kit.operator, ordered.id, "", 100)
    states = {receipt.lease: receipt.state for receipt in page.receipts}
    assert (len(states), states[bad]) == (LEASES, "pending")


async def test_a_record_that_cannot_be_read_is_counted_and_not_picked(kit: VerbsKit) -> None:
    """A set that silently lacks something would pass for whole."""
    _, leases = await many(kit)
    bad = LeaseId(leases[0])
    key = kit.ledger.keys.of(bad).lease(bad)
    await kit.link.read("DEL", key)
    await kit.link.read("SET", key, "garbage")

    taken = await kit.verbs.selections.take(kit.operator, Criteria(agent="invoice-bot"))

    assert (taken.count, taken.unreadable) == (LEASES - 1, 1)


async def test_many_leases_that_expire_together_are_all_found(kit: VerbsKit) -> None:
    """Pages go by expiry, and one second may hold more than a page."""
    task = await kit.open()
    leases = [await kit.issue(task, ttl_ms=60_000) for _ in range(25)]
    spec = await kit.ledger.tree.spec(task.spec.id)
    assert spec

    found, unreadable = await kit.ledger.live.of(spec)

    assert (sorted(lease.id for lease in found), unreadable) == (sorted(leases), 0)
