"""The list of orders: complete, newest first, and steady while orders come and go."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.errors import AccessDeniedError, InvalidRequestError
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.model.requests import Revocation, RevocationFilter, Selector, SelectorKind
from broker.store.link import Link
from broker.store.revocation_ledger import Order
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux", "cluster"], indirect=True)


@pytest.fixture
def kit(link: Link) -> VerbsKit:
    """The verbs over a ledger."""
    return VerbsKit(link)


def operator(kit: VerbsKit, *tenants: str) -> Principal:
    """An operator of these tenants."""
    return replace(kit.operator, tenants=frozenset(tenants))


async def give(kit: VerbsKit, bucket: int, *tenants: str, **changes: Any) -> Order:
    """Keep an order in a bucket, as the verb does."""
    name = kit.ledger.ids.revocation(bucket)
    named = Selector(SelectorKind.AGENT, "invoice-bot")
    order = Order(name, named, tenants, "compromised", "operator:alice", "digest")
    order = replace(order, **changes)
    await kit.ledger.orders.put(order)
    return order


async def forget(kit: VerbsKit, order: Order) -> None:
    """Let an order's time be over."""
    await kit.link.read("DEL", kit.ledger.keys.of(order.id).revocation(order.id))


async def pages(
    kit: VerbsKit, caller: Principal, limit: int, **which: Any
) -> AsyncIterator[tuple[Revocation, ...]]:
    """Walk the list to its end."""
    cursor = ""
    while True:
        wanted = RevocationFilter(**which)
        page = await kit.verbs.order_list.find(caller, wanted, cursor, limit)
        assert len(page.revocations) <= limit
        yield page.revocations
        cursor = page.cursor
        if not cursor:
            return


async def listed(kit: VerbsKit, caller: Principal, limit: int = 3, **which: Any) -> list[str]:
    """Return the ids of all pages, and check that the newest come first."""
    found = [each async for page in pages(kit, caller, limit, **which) for each in page]
    times = [each.ordered_at_ms for each in found]
    assert times == sorted(times, reverse=True)
    assert min(times, default=1) > 0
    return [each.id for each in found]


async def test_every_order_is_listed_once_newest_first(kit: VerbsKit) -> None:
    """Whatever bucket it is in, however many came in one millisecond, however short the pages."""
    given = [(await give(kit, n % BUCKETS, "acme")).id for n in range(40)]

    for limit in (1, 7, 200):
        assert sorted(await listed(kit, operator(kit, "acme"), limit)) == sorted(given)
    assert sorted(await listed(kit, operator(kit, ALL_TENANTS))) == sorted(given)


async def test_what_comes_and_goes_meanwhile_moves_nothing(kit: VerbsKit) -> None:
    """All that were there and stay are listed, each once."""
    before = [await give(kit, n % BUCKETS, "acme") for n in range(30)]
    gone = before[::5]
    stay = {order.id for order in before} - {order.id for order in gone}
    found: list[str] = []

    async for page in pages(kit, operator(kit, "acme"), 4):
        found += [each.id for each in page]
        if gone:
            await forget(kit, gone.pop())
        for bucket in range(BUCKETS):
            await give(kit, bucket, "acme")

    assert len(found) == len(set(found))
    assert stay <= set(found)


async def test_a_repeat_is_no_second_order(kit: VerbsKit) -> None:
    """It keeps its place and its time."""
    first = await give(kit, 1, "acme")
    await give(kit, 1, "acme")
    at = (await kit.ledger.orders.find(first.id))[0].ordered_at_ms

    await kit.ledger.orders.put(first)

    assert len(await listed(kit, operator(kit, "acme"))) == 2
    assert (await kit.ledger.orders.find(first.id))[0].ordered_at_ms == at


@pytest.mark.parametrize(
    ("tenants", "seen"),
    [
        (("acme",), {"acme"}),
        (("globex",), {"globex"}),
        (("acme", "globex"), {"acme", "globex", "both"}),
        (("acme", "tiny"), {"acme"}),
        (("tiny",), set()),
        ((ALL_TENANTS,), {"acme", "globex", "both", "every"}),
    ],
)
async def test_an_order_is_for_operators_of_all_that_it_reaches(
    kit: VerbsKit, tenants: tuple[str, ...], seen: set[str]
) -> None:
    """And its number and time are not to be had by anybody else (I16)."""
    named = {
        "acme": await give(kit, 0, "acme"),
        "globex": await give(kit, 1, "globex"),
        "both": await give(kit, 2, "acme", "globex"),
        "every": await give(kit, 3, ALL_TENANTS),
    }

    found = await listed(kit, operator(kit, *tenants))

    assert set(found) == {named[name].id for name in seen}


async def test_others_orders_leave_no_trace_in_the_pages(kit: VerbsKit) -> None:
    """Not even a page that is short, or one too many."""
    own = await give(kit, 0, "acme")
    for _ in range(120):
        await give(kit, 0, "globex")

    page = await kit.verbs.order_list.find(operator(kit, "acme"), RevocationFilter(), "", 10)

    assert ([each.id for each in page.revocations], page.cursor) == ([own.id], "")


async def test_filters_let_through_what_they_name(kit: VerbsKit) -> None:
    """Each by itself; the span of time includes its begin and not its end."""
    caller = operator(kit, "acme", "globex")
    first = await give(kit, 0, "acme")
    second = await give(kit, 0, "globex", ordered_by="operator:gina")
    task = Selector(SelectorKind.TASK, kit.ledger.ids.root_task())
    third = await give(kit, 0, "acme", "globex", selector=task)
    at = {
        each.id: (await kit.ledger.orders.find(each.id))[0].ordered_at_ms
        for each in (first, second, third)
    }

    assert await listed(kit, caller, tenant="acme") == [third.id, first.id]
    assert await listed(kit, caller, tenant="tiny") == []
    assert await listed(kit, caller, ordered_by="operator:gina") == [second.id]
    assert await listed(kit, caller, of="task") == [third.id]
    assert await listed(kit, caller, acknowledged=True) == [third.id]
    assert await listed(kit, caller, acknowledged=False) == [second.id, first.id]
    assert await listed(kit, caller, ordered_after_ms=at[second.id]) == [third.id, second.id]
    assert await listed(kit, caller, ordered_before_ms=at[second.id]) == [first.id]


async def test_the_list_forgets_what_the_ledger_forgets(kit: VerbsKit) -> None:
    """Each new order takes some of those along that are gone: the list stays as short as it can."""
    for order in [await give(kit, 0, "acme") for _ in range(50)]:
        await forget(kit, order)

    kept = [await give(kit, 0, "acme") for _ in range(8)]

    assert await listed(kit, operator(kit, "acme")) == [order.id for order in reversed(kept)]
    bucket = kit.ledger.keys.buckets[0]
    for name in (ALL_TENANTS, "acme"):
        assert await kit.link.read("ZCARD", bucket.orders(name)) == len(kept)
        assert await kit.link.read("PTTL", bucket.orders(name)) > 0


async def test_a_record_that_cannot_be_read_hides_no_other(kit: VerbsKit) -> None:
    """It is left out: nobody can say whose it is."""
    broken, sound = await give(kit, 0, "acme"), await give(kit, 0, "acme")
    record = kit.ledger.keys.of(broken.id).revocation(broken.id)
    await kit.link.read("HSET", record, "spec", "{")

    assert await listed(kit, operator(kit, "acme")) == [sound.id]


@pytest.mark.parametrize("cursor", ["x", "1", "1.2.3", "1.99", "-1.0", "9" * 20 + ".0"])
async def test_a_cursor_of_another_list_is_refused(kit: VerbsKit, cursor: str) -> None:
    """It is read as strictly as a body."""
    with pytest.raises(InvalidRequestError):
        await kit.verbs.order_list.find(kit.operator, RevocationFilter(), cursor, 10)


@pytest.mark.parametrize("kind", [Kind.AGENT, Kind.ORCHESTRATOR, Kind.RESOURCE])
async def test_it_is_for_operators(kit: VerbsKit, kind: Kind) -> None:
    """Whoever cannot order need not know what was."""
    caller = replace(operator(kit, "acme"), kind=kind)

    with pytest.raises(AccessDeniedError):
        await kit.verbs.order_list.find(caller, RevocationFilter(), "", 10)
