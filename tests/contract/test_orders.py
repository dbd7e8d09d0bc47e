"""Operators' orders: once kept, they are carried out, whoever dies."""

import json

import pytest

from broker.ids import bucket_of, parse_revocation_id
from broker.model.requests import Selector, SelectorKind
from broker.store.link import Link
from broker.store.revocation_ledger import Order
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


@pytest.fixture
def kit(link: Link) -> VerbsKit:
    """The verbs over a ledger."""
    return VerbsKit(link)


def order_of(kit: VerbsKit, of: SelectorKind, value: str) -> Order:
    """Write an order as the verb does."""
    name = kit.ledger.ids.revocation(1)
    return Order(name, Selector(of, value), ("acme",), "compromised", "operator:alice", "digest")


async def let_time_pass(kit: VerbsKit, milliseconds: int) -> None:
    """Move the clock of every bucket."""
    for bucket in kit.ledger.keys.buckets:
        now = await kit.link.read("HGET", bucket.meta, "now")
        later = max(int(now or 0), kit.clock.now_ms()) + milliseconds
        await kit.link.read("HSET", bucket.meta, "now", later)


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (SelectorKind.CREDENTIAL, ""),
        (SelectorKind.TASK, ""),
        (SelectorKind.AGENT, "invoice-bot"),
        (SelectorKind.CAPABILITY, "orders-api"),
        (SelectorKind.ALL, ""),
    ],
)
async def test_an_order_that_was_kept_is_carried_out_although_its_broker_died(
    kit: VerbsKit, of: SelectorKind, value: str
) -> None:
    """Nobody repeats it: the due queue does."""
    task = await kit.open()
    lease = await kit.issue(task)
    single = {SelectorKind.CREDENTIAL: lease, SelectorKind.TASK: task.spec.id}
    await kit.ledger.orders.put(order_of(kit, of, single.get(of, value)))

    await let_time_pass(kit, 5_000)
    await kit.reap()
    await kit.reap()

    assert not (await kit.ledger.leases.view(lease)).is_alive


async def test_an_order_says_who_gave_it_once(kit: VerbsKit) -> None:
    """The outbox has it from the moment that it is kept, and a repeat tells nothing more."""
    order = order_of(kit, SelectorKind.AGENT, "invoice-bot")

    await kit.ledger.orders.put(order)
    await kit.ledger.orders.put(order)

    bucket = kit.ledger.keys.buckets[bucket_of(order.id)]
    entries = await kit.link.read("XRANGE", bucket.out, "-", "+")
    told = [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in entries]
    (event,) = [event for event in told if event["type"] == "revocation.ordered"]
    assert (event["tenant"], event["feed"]) == ("acme", "")
    assert json.loads(event["detail"]) == {
        "revocation": order.id,
        "ordered_by": "operator:alice",
        "reason": "compromised",
        "of": "agent",
        "value": "invoice-bot",
        "tenants": ["acme"],
    }


async def test_carrying_an_order_out_again_changes_nothing(kit: VerbsKit) -> None:
    """The due queue comes back to an order that its own broker has carried out."""
    task = await kit.open()
    lease = await kit.issue(task)
    name = await kit.revoke(SelectorKind.CREDENTIAL, lease)
    ended = await kit.ledger.leases.view(lease)

    await let_time_pass(kit, 5_000)
    await kit.reap()

    again = await kit.ledger.leases.view(lease)
    assert (again.ended_at_ms, again.end_number) == (ended.ended_at_ms, ended.end_number)
    order, _ = await kit.ledger.orders.find(parse_revocation_id(name))
    assert order.selector.value == lease
    for bucket in range(BUCKETS):
        assert await kit.ledger.due.claim(bucket, limit=10, hide_ms=1) == []
