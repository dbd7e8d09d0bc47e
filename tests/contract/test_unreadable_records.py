"""Garbage written straight into the ledger: told and put off, while all else goes on (A4)."""

import asyncio
from collections.abc import Sequence

import pytest

from broker.errors import InvalidRequestError, NotFoundError, UnreadableRecordError
from broker.ids import LeaseId, TaskId, bucket_of
from broker.model.receipt import Receipt, ReceiptState
from broker.model.requests import LeaseFilter, Selector, SelectorKind, TaskFilter
from broker.model.task import TaskState
from broker.store.link import Link
from broker.store.revocation_ledger import Order
from tests.fakes.faulty_link import FaultyLink
from tests.fakes.verbs_kit import VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

POISON = [
    ("SET", "x"),
    ("SET", "x" * 1_000_000),
    ("HSET", "state", "open"),
    ("HSET", "spec", "garbage"),
    ("HSET", "spec", "{}", "state", "active", "expires", "soon"),
    ("HSET", "spec", '{"id":1}', "state", "open", "deadline", "9" * 400, "opened", "-"),
]
"""What may stand in the place of a record: other types, missing fields, garbage, huge values."""


@pytest.fixture
def kit(link: Link) -> VerbsKit:
    """The verbs over a ledger."""
    return VerbsKit(link)


async def put(kit: VerbsKit, key: str, poison: Sequence[str]) -> None:
    """Put poison in the place of a record."""
    command, *words = poison
    await kit.link.read("DEL", key)
    await kit.link.read(command, key, *words)


async def spoil_lease(kit: VerbsKit, lease: str, poison: Sequence[str]) -> None:
    """Spoil the record of a lease."""
    await put(kit, kit.ledger.keys.of(lease).lease(LeaseId(lease)), poison)


async def spoil_task(kit: VerbsKit, task: TaskId, poison: Sequence[str]) -> None:
    """Spoil the record of a task."""
    await put(kit, kit.ledger.keys.of(task).task(task), poison)


async def report(kit: VerbsKit, task: TaskId) -> dict[str, Receipt]:
    """Read a task's report."""
    page = await kit.verbs.reports.of_task(kit.operator, task, "", 100)
    return {receipt.lease: receipt for receipt in page.receipts}


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
async def test_an_unreadable_lease_keeps_no_other_from_its_end(
    kit: VerbsKit, poison: Sequence[str]
) -> None:
    """The task's other leases and children end."""
    task = await kit.open()
    leases = [await kit.issue(task) for _ in range(5)]
    child = await kit.open_child(task)
    await spoil_lease(kit, leases[2], poison)

    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.reap()
    await kit.reap()

    ended = [lease for lease in leases if lease != leases[2]]
    assert [(await kit.ledger.leases.view(lease)).state for lease in ended] == ["ended"] * 4
    assert (await kit.ledger.tasks.view(child.spec.id)).state is TaskState.CANCELLED


async def test_what_cannot_be_finished_is_told_and_comes_back(kit: VerbsKit) -> None:
    """It is not taken for done: somebody has to mend it."""
    task = await kit.open()
    await spoil_lease(kit, await kit.issue(task), POISON[0])

    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.reap()

    due = kit.ledger.keys.of(task.spec.id).due
    assert await kit.link.read("ZSCORE", due, f"k:{task.spec.id}") is not None
    assert "jit_reaper_failures_total 1.0" in kit.exposition()


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
async def test_an_unreadable_lease_has_a_receipt_that_says_so(
    kit: VerbsKit, poison: Sequence[str]
) -> None:
    """The report is complete, and claims nothing of what nobody knows (I3)."""
    task = await kit.open()
    bad, good = await kit.issue(task), await kit.issue(task)
    await spoil_lease(kit, bad, poison)
    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")

    receipts = await report(kit, task.spec.id)

    assert set(receipts) >= {good}
    if bad in receipts:  # a record without its path is no lease of this task
        assert receipts[bad].state is ReceiptState.PENDING


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
async def test_an_unreadable_child_keeps_no_sibling_from_its_end(
    kit: VerbsKit, poison: Sequence[str]
) -> None:
    """The others die with their parent."""
    task = await kit.open()
    children = [(await kit.open_child(task)).spec.id for _ in range(3)]
    await spoil_task(kit, children[0], poison)

    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.reap()

    for child in children[1:]:
        assert (await kit.ledger.tasks.view(child)).state is TaskState.CANCELLED


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
@pytest.mark.parametrize(
    ("of", "value"), [(SelectorKind.AGENT, "invoice-bot"), (SelectorKind.CAPABILITY, "orders-api")]
)
async def test_an_unreadable_task_keeps_no_other_from_being_cut_off(
    kit: VerbsKit, poison: Sequence[str], of: SelectorKind, value: str
) -> None:
    """Of the population of an order, whoever can be read is cleaned up."""
    tasks = [await kit.open() for _ in range(6)]
    leases = [await kit.issue(task) for task in tasks]
    await spoil_task(kit, tasks[0].spec.id, poison)

    await kit.revoke(of, value)
    await kit.reap()
    await kit.reap()

    for lease in leases[1:]:
        assert (await kit.ledger.leases.view(lease)).state == "ended"


async def test_an_unreadable_lease_keeps_no_other_from_being_cut_off(kit: VerbsKit) -> None:
    """A capability's leases end one by one, around what cannot be read."""
    task = await kit.open()
    leases = [await kit.issue(task) for _ in range(5)]
    await spoil_lease(kit, leases[0], POISON[0])

    await kit.revoke(SelectorKind.CAPABILITY, "orders-api")
    await kit.reap()

    for lease in leases[1:]:
        assert (await kit.ledger.leases.view(lease)).state == "ended"
    assert (await kit.ledger.tasks.view(task.spec.id)).is_alive
    assert "jit_reaper_failures_total 1.0" in kit.exposition()


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
async def test_an_unreadable_record_hides_no_other_from_a_list(
    kit: VerbsKit, poison: Sequence[str]
) -> None:
    """Neither a task among tasks nor a credential among credentials."""
    tasks = [await kit.open() for _ in range(3)]
    leases = [await kit.issue(tasks[1]) for _ in range(3)]
    await spoil_task(kit, tasks[0].spec.id, poison)
    await spoil_lease(kit, leases[0], poison)

    page = await kit.verbs.listing.find(kit.operator, TaskFilter("acme"), "", 10)
    credentials = await kit.verbs.credentials.find(
        kit.operator, tasks[1].spec.id, LeaseFilter(), "", 10
    )

    assert {tasks[1].spec.id, tasks[2].spec.id} <= {task.spec.id for task in page.tasks}
    assert {lease.spec.id for lease in credentials.leases} == set(leases[1:])


@pytest.mark.parametrize("poison", POISON[:3], ids=range(3))
async def test_nothing_is_given_under_an_unreadable_task(
    kit: VerbsKit, poison: Sequence[str]
) -> None:
    """Unsure means no (I5), and it is called what it is: the store's fault, not the caller's."""
    task = await kit.open()
    await spoil_task(kit, task.spec.id, poison)

    with pytest.raises((UnreadableRecordError, NotFoundError)):
        await kit.issue(task)


async def test_the_report_of_a_child_outlives_its_parent(kit: VerbsKit) -> None:
    """A parent is forgotten first; what took the child down is still known from the child."""
    task = await kit.open()
    child = await kit.open_child(task)
    lease = await kit.issue(child)
    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.reap()
    await kit.reap()

    await kit.ledger.tree.forget(task.spec)

    assert set(await report(kit, child.spec.id)) == {lease}


async def test_an_order_of_what_is_gone_is_settled(kit: VerbsKit) -> None:
    """Its task or credential was forgotten meanwhile: nothing is left to take away."""
    gone = kit.ledger.ids.root_task()
    for of, value in (
        (SelectorKind.TASK, gone),
        (SelectorKind.CREDENTIAL, kit.ledger.ids.lease(gone)),
    ):
        name = kit.ledger.ids.revocation(1)
        order = Order(name, Selector(of, value), ("acme",), "late", "operator:alice", "digest")
        await kit.ledger.orders.put(order)
    bucket = kit.ledger.keys.buckets[1]
    now = int(await kit.link.read("HGET", bucket.meta, "now"))
    await kit.link.read("HSET", bucket.meta, "now", now + 10_000)

    await kit.verbs.reaper.reap(1)

    assert await kit.link.read("ZCARD", bucket.due) == 0
    assert "jit_reaper_failures_total 0.0" in kit.exposition()


async def test_a_look_at_a_child_that_is_gone_is_settled(kit: VerbsKit) -> None:
    """Its record was lost: there is nothing to sweep, and nothing to tell every time."""
    child = kit.ledger.ids.child_task((await kit.open()).spec.id)
    due = kit.ledger.keys.of(child).due
    await kit.link.read("ZADD", due, 1, f"t:{child}")

    await kit.verbs.reaper.reap(bucket_of(child))

    assert await kit.link.read("ZSCORE", due, f"t:{child}") is None
    assert "jit_reaper_failures_total 0.0" in kit.exposition()


async def test_due_work_at_no_time_keeps_nobody_from_the_rest(kit: VerbsKit) -> None:
    """Members without a kind, and instants that are none."""
    task = await kit.open()
    lease = await kit.issue(task, ttl_ms=2_100)
    due = kit.ledger.keys.of(task.spec.id).due
    for score, member in (("-inf", "k:x"), ("-inf", ""), ("1.5", "?"), ("-1e300", "l:")):
        await kit.link.read("ZADD", due, score, member)
    await asyncio.sleep(2.2)

    await kit.verbs.reaper.reap(bucket_of(task.spec.id))

    assert (await kit.ledger.leases.view(lease)).state == "ended"


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 16, "٣", " 1"])
async def test_a_cursor_of_no_list_is_refused(kit: VerbsKit, cursor: str) -> None:
    """It is the caller's mistake, not the broker's failure."""
    task = await kit.open()

    with pytest.raises(InvalidRequestError) as caught:
        await kit.verbs.credentials.find(kit.operator, task.spec.id, LeaseFilter(), cursor, 10)

    assert caught.value.field == "cursor"


async def test_a_page_of_a_wide_tree_costs_a_bounded_number_of_reads(link: Link) -> None:
    """It is short, or empty; its cursor leads on to the end."""
    counting = FaultyLink(link)
    kit = VerbsKit(counting)
    task = await kit.open()
    for _ in range(90):
        await kit.open_child(task)
    last = await kit.issue(await kit.open_child(task))
    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")

    found: list[str] = []
    cursor, calls = "", []
    while not calls or cursor:
        counting.arm(None)
        page = await kit.verbs.reports.of_task(kit.operator, task.spec.id, cursor, 10)
        found += [receipt.lease for receipt in page.receipts]
        cursor = page.cursor
        calls.append(counting.calls)

    assert found == [last]
    assert len(calls) > 1
    assert max(calls) < 220


@pytest.mark.parametrize("field", ["spec", "asked", "issued", "expires"])
async def test_a_grant_that_cannot_be_read_is_not_explained(kit: VerbsKit, field: str) -> None:
    """Nothing is made up of what it was."""
    lease = await kit.issue(await kit.open())
    key = kit.ledger.keys.of(lease).lease(lease)
    await kit.link.read("HSET", key, field, "garbage")

    with pytest.raises(UnreadableRecordError):
        await kit.verbs.explain.credential(kit.operator, lease)


async def test_a_grant_whose_task_is_no_longer_kept_is_not_there(kit: VerbsKit) -> None:
    """What it was asked for cannot be put without it."""
    task = await kit.open()
    lease = await kit.issue(task)
    await kit.link.read("DEL", kit.ledger.keys.of(lease).task(task.spec.id))

    with pytest.raises(NotFoundError):
        await kit.verbs.explain.credential(kit.operator, lease)
