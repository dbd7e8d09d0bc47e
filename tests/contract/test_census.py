"""Counting what is in the ledger."""

from broker.model.task import TaskSpec
from broker.store.census import STUCK_MS, Counting
from broker.store.link import Link
from broker.store.quotas import Quota
from tests.fakes.ledger_kit import FAR, MINUTE, LedgerKit
from tests.fakes.target_ledger_kit import TargetKit


class Patience:
    """Waits for one target longer than for others."""

    def __init__(self, **overdue_ms: int) -> None:
        self._overdue_ms = overdue_ms

    def overdue_ms(self, name: str) -> int:
        """Return it; a minute for those that are not known."""
        return self._overdue_ms.get(name, MINUTE)

    @property
    def overdue_between_ms(self) -> tuple[int, int]:
        """Over all of them."""
        every = [MINUTE, *self._overdue_ms.values()]
        return min(every), max(every)


async def test_the_census_counts_sets(link: Link) -> None:
    """Outbox entries, ordered work that is late, live credentials of the tenants."""
    kit = LedgerKit(link)
    task = await kit.open()
    granted = await kit.grant(task)
    await kit.take([Quota("tenant", "acme", 9)], granted.lease, FAR)
    await kit.close(task)
    closed = (await kit.tasks.view(task.id)).closed_at_ms
    counting = Counting(link, kit.keys, Patience())

    soon = await counting.take(["acme", "globex"], closed + STUCK_MS - 1)
    late = await counting.take(["acme", "globex"], closed + STUCK_MS)

    assert (soon.outbox, soon.stuck, soon.credentials) == (3, 0, 1)
    assert (late.outbox, late.stuck, late.credentials) == (3, 1, 1)


async def ended_at(kit: TargetKit, task: TaskSpec, target: str) -> int:
    """End a credential at a target; return when."""
    spec = await kit.reserve(task, at=target)
    await kit.leases.activate(spec, 0)
    await kit.leases.end([(spec.id, task.id)], "revoked")
    found = await kit.deaths.find(spec.id)
    assert found is not None
    return found.ended_at_ms


async def test_each_target_has_a_patience_of_its_own(link: Link) -> None:
    """And one that this broker does not know has what is usual."""
    kit = TargetKit(link)
    task = await kit.open()
    ends = [await ended_at(kit, task, name) for name in ("quick", "slow", "foreign")]
    counting = Counting(link, kit.keys, Patience(quick=1_000, slow=10 * MINUTE))

    async def overdue(after_ms: int) -> int:
        return (await counting.take([], max(ends) + after_ms)).overdue

    assert [await overdue(ms) for ms in (-MINUTE, 1_000, MINUTE, 9 * MINUTE)] == [0, 1, 2, 2]
    assert await overdue(10 * MINUTE) == 3
    assert (await counting.take([], max(ends))).dying == 3


async def test_what_is_too_much_to_look_at_counts(link: Link) -> None:
    """Rather an alarm too soon than one too late; with one patience nothing has to be looked at."""
    kit = TargetKit(link)
    task = await kit.open()
    spec = await kit.active(task)
    now = (await kit.leases.view(spec.id)).judged_at_ms
    dying = [word for n in range(120) for word in (now - 2_000, f"{spec.id}{n}")]
    await link.read("ZADD", kit.keys.of(spec.id).dying, *dying)

    alike = await Counting(link, kit.keys, Patience()).take([], now)
    differing = await Counting(link, kit.keys, Patience(quick=1_000)).take([], now)

    assert (alike.dying, alike.overdue) == (120, 0)
    assert differing.overdue == 20
