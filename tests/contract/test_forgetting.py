"""A tree is forgotten from below: what ended a task is kept as long as what it ended."""

import pytest

from broker.errors import NotFoundError
from broker.ids import TaskId, bucket_of
from broker.model.task import Task, TaskState
from broker.store.due_queue import Work
from broker.store.link import Link
from broker.workers import Forget
from tests.fakes.verbs_kit import VerbsKit

RETENTION_MS = 1_000

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


@pytest.fixture
def kit(link: Link) -> VerbsKit:
    """The verbs over a ledger."""
    return VerbsKit(link)


async def forget(kit: VerbsKit, task: TaskId) -> int | None:
    """Do the due work of forgetting a task; return when it comes back."""
    work = Work(bucket_of(task), f"g:{task}", fence=1, late_ms=0, claimed_ms=kit.clock.now_ms())
    return await Forget(kit.ledger.tree, retention_ms=RETENTION_MS).work(work)


async def is_kept(kit: VerbsKit, task: TaskId) -> bool:
    """Tell whether a task can still be looked at."""
    try:
        await kit.ledger.tasks.view(task)
    except NotFoundError:
        return False
    return True


async def family(kit: VerbsKit) -> tuple[Task, Task]:
    """Open a task and a child of it."""
    parent = await kit.open()
    return parent, await kit.open_child(parent)


async def test_a_parent_waits_until_its_child_may_be_forgotten(kit: VerbsKit) -> None:
    """The child was taken down later, and its receipts tell what its parent's end did."""
    parent, child = await family(kit)
    await kit.verbs.tasks.close(kit.agent, parent.spec.id, TaskState.COMPLETED, "")
    await kit.reap()
    closed_at_ms = (await kit.ledger.tasks.view(child.spec.id)).closed_at_ms

    again_at_ms = await forget(kit, parent.spec.id)

    assert again_at_ms == closed_at_ms + RETENTION_MS
    assert await is_kept(kit, parent.spec.id)


async def test_a_parent_waits_for_a_child_that_nobody_has_closed_yet(kit: VerbsKit) -> None:
    """Whatever keeps it open, its parent's ending is still needed."""
    parent, _ = await family(kit)
    await kit.verbs.tasks.close(kit.agent, parent.spec.id, TaskState.COMPLETED, "")
    before_ms = kit.clock.now_ms()

    again_at_ms = await forget(kit, parent.spec.id)

    assert again_at_ms is not None
    assert again_at_ms >= before_ms + RETENTION_MS
    assert await is_kept(kit, parent.spec.id)


async def test_a_tree_is_gone_when_it_was_forgotten_from_below(kit: VerbsKit) -> None:
    """Nothing of it stays."""
    parent, child = await family(kit)
    await kit.verbs.tasks.close(kit.agent, parent.spec.id, TaskState.COMPLETED, "")
    await kit.reap()

    assert await forget(kit, child.spec.id) is None
    assert await forget(kit, parent.spec.id) is None

    assert not await is_kept(kit, parent.spec.id)
    assert not await is_kept(kit, child.spec.id)
    assert await kit.ledger.tree.children(parent.spec.id, None, 10) == []


async def test_a_child_whose_record_is_lost_keeps_nothing_alive(kit: VerbsKit) -> None:
    """It will never be forgotten: its parent does not wait for it."""
    parent, child = await family(kit)
    await kit.verbs.tasks.close(kit.agent, parent.spec.id, TaskState.COMPLETED, "")
    await kit.reap()
    await kit.link.read("DEL", kit.ledger.keys.of(child.spec.id).task(child.spec.id))

    assert await forget(kit, parent.spec.id) is None

    assert not await is_kept(kit, parent.spec.id)
