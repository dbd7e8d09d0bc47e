"""Leases in the ledger, over every way to reach a Redis."""

import asyncio

import pytest

from broker.errors import (
    AccessDeniedError,
    BrokerError,
    IdempotencyConflictError,
    LeaseNotRenewableError,
    NotFoundError,
    QuotaExceededError,
    StaleFactsError,
    TaskClosedError,
    UnavailableError,
)
from broker.ids import bucket_of
from broker.model.lease import LeaseState
from broker.store.limits import Limits
from broker.store.link import Link
from tests.fakes.ledger_kit import MINUTE, LedgerKit


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


async def test_a_granted_lease_is_alive_until_the_second_it_expires(kit: LedgerKit) -> None:
    """Whole seconds, rounded down, so that the token never outlives the lease."""
    task = await kit.open()
    granted = await kit.grant(task)

    assert granted.expires_at_ms % 1000 == 0
    assert await kit.is_alive(granted.lease)
    await kit.pass_time(task.id, 2 * MINUTE)
    assert not await kit.is_alive(granted.lease)


@pytest.mark.parametrize(
    ("bound", "longest"),
    [("ttl_ms", 30_000), ("max_ttl_ms", 30_000)],
)
async def test_the_nearest_bound_decides(kit: LedgerKit, bound: str, longest: int) -> None:
    """What is asked for and the capability's maximum."""
    task = await kit.open()

    granted = await kit.grant(task, **{bound: longest})

    life = granted.expires_at_ms - granted.issued_at_ms
    assert longest - 1000 < life <= longest


async def test_no_lease_outlives_its_evidence_or_an_ancestor(kit: LedgerKit) -> None:
    """The workload token's own end, and the nearest deadline on the path, cap it."""
    root = await kit.open(ttl_ms=90_000)
    child = await kit.open(root, ttl_ms=5 * MINUTE)
    deadline = (await kit.tasks.view(root.id)).deadline_ms

    by_parent = await kit.grant(child, ttl_ms=5 * MINUTE)
    by_evidence = await kit.grant(child, evidence_exp_ms=by_parent.issued_at_ms + 20_000)

    assert by_parent.expires_at_ms == deadline // 1000 * 1000
    assert by_evidence.expires_at_ms <= by_parent.issued_at_ms + 20_000


async def test_less_than_a_second_is_not_granted(kit: LedgerKit) -> None:
    """A lifetime of nothing is a refusal, never "no expiry" (A7)."""
    task = await kit.open()
    now = (await kit.tasks.view(task.id)).opened_at_ms

    for evidence_exp_ms in (0, now - 1, now, now + 900):
        with pytest.raises(AccessDeniedError):
            await kit.grant(task, evidence_exp_ms=evidence_exp_ms)
    for ttl_ms in (-1, 0, 999):
        with pytest.raises(AccessDeniedError):
            await kit.grant(task, ttl_ms=ttl_ms)


async def test_every_lease_is_in_the_due_queue(kit: LedgerKit) -> None:
    """A record without a due date would never be followed up (E5)."""
    task = await kit.open()
    granted = [await kit.grant(task) for _ in range(3)]

    members = await kit.link.read("ZRANGE", kit.keys.of(task.id).due, 0, -1)

    assert {f"l:{g.lease}:{task.id}" for g in granted} <= set(members)


async def test_a_foreign_instance_finds_nothing(kit: LedgerKit) -> None:
    """A task belongs to one instance (I6)."""
    task = await kit.open()

    with pytest.raises(NotFoundError):
        await kit.grant(task, instance="pod-2")


async def test_an_unclaimed_task_grants_nothing(kit: LedgerKit) -> None:
    """Until an instance is bound nobody owns it, and an empty instance is none."""
    task = await kit.open(instance="", claim_hash="h")

    with pytest.raises(NotFoundError):
        await kit.grant(task, instance="pod-1")


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_nothing_is_granted_under_a_closed_task(kit: LedgerKit, level: int) -> None:
    """Whichever node of the path has ended."""
    line = await kit.chain(3)
    await kit.close(line[level])

    with pytest.raises(TaskClosedError):
        await kit.grant(line[2])


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_a_lease_dies_with_any_ancestor(kit: LedgerKit, level: int) -> None:
    """At once, before anything is cleaned up."""
    line = await kit.chain(3)
    granted = await kit.grant(line[2])

    await kit.close(line[level])

    assert not await kit.is_alive(granted.lease)


async def test_a_path_that_is_not_the_leases_shows_nothing(kit: LedgerKit) -> None:
    """The judge walks the recorded path, not one that a caller makes up."""
    one, other = await kit.open(), None
    while other is None or bucket_of(other.id) != bucket_of(one.id):
        other = await kit.open()
    granted = await kit.grant(one)
    await kit.close(one)

    with pytest.raises(NotFoundError):
        await kit.leases.view(granted.lease, other.path)


async def test_the_same_request_twice_is_granted_once(kit: LedgerKit) -> None:
    """The repeat gets the first's dates and key, whatever it asks for itself."""
    task = await kit.open()

    first = await kit.grant(task, key="k", digest="d")
    again = await kit.grant(task, key="k", digest="d", key_id="k2")

    assert (first.is_new, again.is_new) == (True, False)
    assert (again.lease, again.issued_at_ms, again.expires_at_ms, again.key_id) == (
        first.lease,
        first.issued_at_ms,
        first.expires_at_ms,
        "k1",
    )
    with pytest.raises(IdempotencyConflictError):
        await kit.grant(task, key="k", digest="other")


async def test_many_repeats_at_once_are_granted_once(kit: LedgerKit) -> None:
    """Thirty-two at the same moment: one lease, one start in the outbox (E16)."""
    task = await kit.open()

    granted = await asyncio.gather(*(kit.grant(task, key="k", digest="d") for _ in range(32)))

    assert len({g.lease for g in granted}) == 1
    assert sum(g.is_new for g in granted) == 1
    assert [e["type"] for e in await kit.told(task.id)].count("lease.issued") == 1


async def test_a_task_has_no_more_live_leases_than_allowed(link: Link) -> None:
    """The quota is the size of a set: an ended lease frees its place (A19)."""
    kit = LedgerKit(link, limits=Limits(task_leases=2))
    task = await kit.open()
    first = await kit.grant(task)
    await kit.grant(task)

    with pytest.raises(QuotaExceededError):
        await kit.grant(task)
    await kit.leases.end([(first.lease, task.id)], "given-back")

    await kit.grant(task)


async def test_granting_on_older_facts_is_refused(kit: LedgerKit) -> None:
    """Decide again (I15)."""
    task = await kit.open()
    await kit.control.publish("{}", "digest", "operator:alice")

    with pytest.raises(StaleFactsError):
        await kit.grant(task, facts=0)
    await kit.grant(task, facts=1)


async def test_a_full_outbox_grants_nothing_but_ends_all(link: Link) -> None:
    """No audit record, no credential; but taking away goes on (F10)."""
    kit = LedgerKit(link, buckets=1, limits=Limits(outbox=2))
    task = await kit.open()
    granted = await kit.grant(task)

    with pytest.raises(UnavailableError):
        await kit.grant(task)
    view = await kit.leases.view(granted.lease)
    with pytest.raises(UnavailableError):
        await kit.leases.renew(view, kit.renewal())
    ended = await kit.leases.end([(granted.lease, task.id)], "revoked")

    assert ended == [granted.lease]


async def test_a_reservation_is_activated_only_while_alive(kit: LedgerKit) -> None:
    """Reserve, close, activate: refused, so the credential is revoked (I4)."""
    task = await kit.open()
    alive, dead = kit.new_lease(task, state=LeaseState.RESERVED), None
    await kit.leases.grant(alive)
    dead = kit.new_lease(task, state=LeaseState.RESERVED)
    await kit.leases.grant(dead)

    await kit.leases.activate(alive.spec, 0)
    await kit.close(task)

    assert (await kit.leases.view(alive.spec.id)).state is LeaseState.ACTIVE
    with pytest.raises(TaskClosedError):
        await kit.leases.activate(dead.spec, 0)


async def test_activation_on_older_facts_is_refused(kit: LedgerKit) -> None:
    """The facts moved between reserve and activate (I15)."""
    task = await kit.open()
    new = kit.new_lease(task, state=LeaseState.RESERVED)
    await kit.leases.grant(new)

    await kit.control.publish("{}", "digest", "operator:alice")

    with pytest.raises(StaleFactsError):
        await kit.leases.activate(new.spec, 0)


async def test_a_renewal_adds_a_generation_within_the_first_maximum(kit: LedgerKit) -> None:
    """Five minutes at most from the first issue, however often it is renewed."""
    task = await kit.open()
    first = await kit.grant(task)
    view = await kit.leases.view(first.lease)
    await kit.pass_time(task.id, MINUTE)

    second = await kit.leases.renew(view, kit.renewal(ttl_ms=60 * MINUTE))

    assert second.generation == 2
    assert second.expires_at_ms == first.max_expires_at_ms
    assert first.max_expires_at_ms <= first.issued_at_ms + 5 * MINUTE
    with pytest.raises(LeaseNotRenewableError):
        await kit.leases.renew(view, kit.renewal(ttl_ms=60 * MINUTE))


async def test_what_has_ended_is_not_renewed(kit: LedgerKit) -> None:
    """Not by anybody: expired, given back, or under a closed task."""
    expired_task, closed_task, back_task = await kit.open(), await kit.open(), await kit.open()
    views = [
        await kit.leases.view((await kit.grant(task)).lease)
        for task in (expired_task, closed_task, back_task)
    ]
    await kit.close(closed_task)
    await kit.leases.end([(views[2].spec.id, back_task.id)], "given-back")
    await kit.pass_time(expired_task.id, 2 * MINUTE)

    for view in views:
        with pytest.raises(BrokerError):
            await kit.leases.renew(view, kit.renewal())


async def test_a_renewal_by_another_instance_finds_nothing(kit: LedgerKit) -> None:
    """The recorded instance is the only one (A8)."""
    task = await kit.open()
    view = await kit.leases.view((await kit.grant(task)).lease)
    foreign = kit.new_lease(task, instance="pod-2").spec

    with pytest.raises(NotFoundError):
        await kit.leases.renew(type(view)(**{**_members(view), "spec": foreign}), kit.renewal())


def _members(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in type(value).__slots__}


async def test_each_lease_starts_once_and_ends_once(kit: LedgerKit) -> None:
    """Whoever ends it, and however often (I12)."""
    task = await kit.open()
    granted = await kit.grant(task)
    pair = [(granted.lease, task.id)]

    ends = await asyncio.gather(
        *(kit.leases.end(pair, reason) for reason in ("revoked", "given-back", "task-ended"))
    )

    assert sorted(len(ended) for ended in ends) == [0, 0, 1]
    types = [event["type"] for event in await kit.told(task.id)]
    assert types.count("lease.issued") == types.count("lease.ended") == 1


async def test_a_sweep_spares_what_was_renewed_meanwhile(kit: LedgerKit) -> None:
    """The old claim of an expired lease must not end its next generation (E21)."""
    task = await kit.open()
    granted = await kit.grant(task, ttl_ms=30_000)
    await kit.leases.renew(await kit.leases.view(granted.lease), kit.renewal())
    await kit.pass_time(task.id, 31_000)

    ended = await kit.leases.end([(granted.lease, task.id)], "expired")

    assert ended == []
    assert await kit.is_alive(granted.lease)


async def test_ending_hundreds_goes_in_small_scripts(kit: LedgerKit) -> None:
    """Batches of a hundred; each is ended, none twice."""
    task = await kit.open()
    granted = await asyncio.gather(*(kit.grant(task) for _ in range(250)))

    ended = await kit.leases.end([(g.lease, task.id) for g in granted], "task-ended")

    assert sorted(ended) == sorted(g.lease for g in granted)
    assert await kit.leases.live(task.id, 0) == []
    assert len(await kit.leases.page(task.id, None, 1000)) == 250


async def test_a_tombstone_outlives_its_credential(kit: LedgerKit) -> None:
    """Retention is counted from the later of now and the credential's own expiry."""
    task = await kit.open()
    granted = await kit.grant(task)
    await kit.leases.end([(granted.lease, task.id)], "revoked")

    left = await kit.link.read("PTTL", kit.keys.of(task.id).lease(granted.lease))

    assert left > kit.limits.retention_ms


async def test_issue_and_close_race_leaves_nothing_alive(kit: LedgerKit) -> None:
    """Whichever lands first (I4, F4)."""
    for _ in range(20):
        task = await kit.open()
        results = await asyncio.gather(
            *(kit.grant(task) for _ in range(5)),
            kit.close(task),
            *(kit.grant(task) for _ in range(5)),
            return_exceptions=True,
        )
        for granted in results:
            if granted is not None and not isinstance(granted, BaseException):
                assert not await kit.is_alive(granted.lease)
