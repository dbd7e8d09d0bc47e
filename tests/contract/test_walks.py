"""Walks that go page by page, while retention removes what they have passed: nothing is hidden."""

import pytest

from broker.errors import InvalidRequestError
from broker.ids import MAX_DEPTH, TaskId, parse_revocation_id
from broker.model.receipt import ReportPage
from broker.model.requests import LeaseFilter, SelectorKind
from broker.model.task import Task, TaskState
from broker.store.link import Link
from broker.store.task_tree import Index
from broker.tree_walk import Place, Places, TreeWalk, write
from tests.fakes.ledger_kit import LedgerKit
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

EVER_MS = 10**13
SEVERAL = 2 * BUCKETS + 1
"""So many tasks that some bucket has three of them."""


@pytest.fixture
def kit(link: Link) -> VerbsKit:
    """The verbs over a ledger."""
    return VerbsKit(link)


async def forget(kit: VerbsKit, task: TaskId) -> None:
    """Let retention outlive a task that has ended."""
    spec = await kit.ledger.tree.spec(task)
    assert spec is not None
    await kit.ledger.tree.forget(spec)


class Reading:
    """A report that is read a receipt at a time, or a few."""

    def __init__(self, kit: VerbsKit, name: str, limit: int = 1) -> None:
        self.kit = kit
        self._name = name
        self._limit = limit
        self.cursor = ""
        self.seen: list[str] = []

    async def page(self) -> ReportPage:
        """Read the next page."""
        reports, operator = self.kit.verbs.reports, self.kit.operator
        if self._name.startswith("r_"):
            order = parse_revocation_id(self._name)
            page = await reports.of_revocation(operator, order, self.cursor, self._limit)
        else:
            page = await reports.of_task(operator, TaskId(self._name), self.cursor, self._limit)
        self.seen += [receipt.lease for receipt in page.receipts]
        self.cursor = page.cursor
        return page

    async def to_the_end(self) -> list[str]:
        """Read all that is left; return every credential that was seen, from the beginning on."""
        await self.page()
        while self.cursor:
            await self.page()
        return self.seen


async def family(kit: VerbsKit, children: int, leases: int = 1) -> tuple[Task, dict[str, TaskId]]:
    """Open a task with children, and issue in each child; return the task of each credential."""
    parent = await kit.open()
    made: dict[str, TaskId] = {}
    for _ in range(children):
        child = await kit.open_child(parent)
        made |= {await kit.issue(child): child.spec.id for _ in range(leases)}
    return parent, made


@pytest.mark.parametrize("leases", [1, 2])
async def test_a_task_that_is_forgotten_hides_no_other_from_an_orders_report(
    kit: VerbsKit, leases: int
) -> None:
    """The one that was just read, with all of its credentials read or some."""
    tasks = [await kit.open() for _ in range(SEVERAL)]
    made = {await kit.issue(task): task.spec.id for task in tasks for _ in range(leases)}
    reading = Reading(kit, await kit.revoke(SelectorKind.AGENT, "invoice-bot"))
    await kit.reap()
    await kit.reap()

    gone: set[TaskId] = set()
    while len(gone) < SEVERAL // 2:
        await reading.page()
        last = made[reading.seen[-1]]
        if last not in gone:
            await forget(kit, last)
            gone.add(last)
    seen = await reading.to_the_end()

    assert len(seen) == len(set(seen))
    assert {name for name, task in made.items() if task not in gone} <= set(seen)


@pytest.mark.parametrize("leases", [1, 2])
async def test_a_child_that_is_forgotten_hides_no_other_from_a_tasks_report(
    kit: VerbsKit, leases: int
) -> None:
    """Children go before their parents, while somebody reads what became of them."""
    parent, made = await family(kit, 6, leases)
    await kit.verbs.tasks.close(kit.agent, parent.spec.id, TaskState.COMPLETED, "")
    await kit.reap()
    await kit.reap()
    reading = Reading(kit, parent.spec.id)

    gone: set[TaskId] = set()
    while len(gone) < 3:
        await reading.page()
        last = made[reading.seen[-1]] if reading.seen else None
        if last is not None and last not in gone:
            await forget(kit, last)
            gone.add(last)
            reading.kit = VerbsKit(kit.link)  # another broker, which never knew of it
    seen = await reading.to_the_end()

    assert len(seen) == len(set(seen))
    assert {name for name, task in made.items() if task not in gone} <= set(seen)


async def test_a_credential_that_is_forgotten_hides_no_other(kit: VerbsKit) -> None:
    """Issuing takes along what retention has outlived, while somebody lists and reads reports."""
    task = await kit.open()
    made = {await kit.issue(task) for _ in range(9)}
    key = kit.ledger.keys.of(task.spec.id).leases(task.spec.id)
    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.reap()
    order = await kit.revoke(SelectorKind.AGENT, "invoice-bot")
    readings = [Reading(kit, task.spec.id), Reading(kit, order)]
    listed, cursor, is_first = list[str](), "", True

    while cursor or is_first:
        page = await kit.verbs.credentials.find(kit.agent, task.spec.id, LeaseFilter(), cursor, 1)
        listed += [lease.spec.id for lease in page.leases]
        cursor, is_first = page.cursor, False
        if len(listed) <= 4:
            for reading in readings:
                await reading.page()
            await kit.link.read("ZREM", key, listed[-1])

    assert sorted(listed) == sorted(made)
    for reading in readings:
        assert set(listed[4:]) <= set(await reading.to_the_end())


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
async def test_a_page_that_ends_within_a_millisecond_is_not_taken_for_the_last(
    kit: VerbsKit, limit: int
) -> None:
    """A report has a receipt for each of the credentials that were issued in the same one."""
    task = await kit.open()
    made = {await kit.issue(task) for _ in range(7)}
    key = kit.ledger.keys.of(task.spec.id).leases(task.spec.id)
    for name in made:
        await kit.link.read("ZADD", key, 5_000, name)
    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    order = await kit.revoke(SelectorKind.AGENT, "invoice-bot")

    for name in (task.spec.id, order):
        assert sorted(await Reading(kit, name, limit).to_the_end()) == sorted(made)


async def test_a_place_in_the_deepest_tree_fits_into_a_cursor(link: Link) -> None:
    """And leads on from there, whoever takes it up."""
    kit = LedgerKit(link)
    walk = TreeWalk(kit.leases, kit.tree, kit.paths)
    line = [await kit.open()]
    while len(line) < MAX_DEPTH:
        line.append(await kit.open(line[-1]))
    made = [(await kit.grant(task)).lease for task in line for _ in range(2)]

    places: Places = (Place(line[0].id),)
    seen, longest = list[str](), 0
    while places:
        found, places = await walk.take(places, 1)
        seen += [lease for lease, _ in found]
        longest = max(longest, len(write(places)))
        places = await walk.parse(write(places), line[0].id) if places else ()

    assert sorted(seen) == sorted(made)
    assert longest < 650


async def test_a_place_in_another_tree_is_refused_although_its_task_is_gone(kit: VerbsKit) -> None:
    """What is forgotten is skipped; what leads elsewhere is not followed."""
    one, made = await family(kit, 2)
    other, _ = await family(kit, 2)
    for parent in (one, other):
        await kit.verbs.tasks.close(kit.agent, parent.spec.id, TaskState.COMPLETED, "")
    await kit.reap()
    await kit.reap()
    reading = Reading(kit, one.spec.id)
    while not reading.seen:
        await reading.page()
    await forget(kit, made[reading.seen[0]])

    with pytest.raises(InvalidRequestError):
        await kit.verbs.reports.of_task(kit.operator, other.spec.id, reading.cursor, 1)


async def test_what_leaves_an_index_moves_nothing_in_it(kit: VerbsKit) -> None:
    """Also among tasks that entered it in the same millisecond."""
    parent, _ = await family(kit, 7)
    bucket = kit.ledger.keys.of(parent.spec.id)
    tree, index = kit.ledger.tree, Index("agent", "invoice-bot")
    number = kit.ledger.keys.buckets.index(bucket)
    key = bucket.index("agent", "invoice-bot")
    names = sorted(await kit.link.read("ZRANGE", key, 0, -1))
    for name in names:
        await kit.link.read("ZADD", key, 5_000, name)

    seen, after = list[TaskId](), None
    while page := await tree.older(number, index, EVER_MS, after, 2):
        seen += [entry.name for entry in page]
        after = page[-1]
        await kit.link.read("ZREM", key, *seen)

    assert seen == names
