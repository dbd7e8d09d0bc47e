"""Every live lease holds its places, and nothing else does: never too few are counted."""

import asyncio
import contextlib

import pytest

from broker.errors import (
    LeaseEndedError,
    LeaseNotRenewableError,
    QuotaExceededError,
    StoreUnavailableError,
    TaskClosedError,
)
from broker.idempotency import repeatable
from broker.ids import LeaseId
from broker.model.lease import LeaseState
from broker.model.requests import IssueCredential, SelectorKind
from broker.model.task import TaskState
from broker.store.link import Link
from broker.store.new_lease import NewLease
from tests.fakes.faulty_link import Fault, FaultyLink, PausingLink
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import HOUR_MS, VerbsKit

QUOTAS = (("agent", "invoice-bot"), ("tenant", "acme"))

NEVER = 10_000
"""A call that nobody makes."""

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


@pytest.fixture
def kit(link: Link) -> VerbsKit:
    """The verbs over a ledger."""
    return VerbsKit(link)


async def counted(kit: VerbsKit) -> list[list[str]]:
    """Read both quotas that a lease of the agent counts against."""
    return [list(await kit.counted(*quota)) for quota in QUOTAS]


async def test_a_renewed_lease_is_counted_as_long_as_it_lives(kit: VerbsKit) -> None:
    """Its places outlast its new expiry, not only its first one."""
    lease = await kit.issue(await kit.open(), ttl_ms=2_000)

    renewed = await kit.verbs.issuance.renew(kit.agent, lease, 600_000, "")

    for quota in QUOTAS:
        key = kit.ledger.keys.quota(*quota)
        until = float(await kit.link.read("ZSCORE", key, lease))
        assert until >= renewed.lease.expires_at_ms


async def test_a_credential_that_is_given_back_frees_its_places(kit: VerbsKit) -> None:
    """At once, not when it would have expired; doing it again changes nothing."""
    lease = await kit.issue(await kit.open())

    await kit.verbs.credentials.give_back(kit.agent, lease)
    await kit.verbs.credentials.give_back(kit.agent, lease)

    assert await counted(kit) == [[], []]


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (SelectorKind.CREDENTIAL, ""),
        (SelectorKind.TASK, ""),
        (SelectorKind.AGENT, "invoice-bot"),
        (SelectorKind.CAPABILITY, "orders-api"),
        (SelectorKind.ISSUER, "https://issuer.example"),
        (SelectorKind.TENANT, "acme"),
        (SelectorKind.ALL, ""),
    ],
)
async def test_what_an_operator_takes_away_frees_its_places(
    kit: VerbsKit, of: SelectorKind, value: str
) -> None:
    """Whatever the order names, once it is carried out."""
    task = await kit.open()
    lease = await kit.issue(task)
    single = {SelectorKind.CREDENTIAL: lease, SelectorKind.TASK: task.spec.id}

    await kit.revoke(of, single.get(of, value))
    await kit.reap()
    await kit.reap()

    assert await counted(kit) == [[], []]


async def test_the_end_of_a_task_frees_the_places_of_its_leases(kit: VerbsKit) -> None:
    """All of them."""
    task = await kit.open()
    for _ in range(3):
        await kit.issue(task)

    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.reap()

    assert await counted(kit) == [[], []]


async def test_a_full_quota_refuses_and_leaves_nothing(kit: VerbsKit) -> None:
    """Neither a lease nor a place, in none of the quotas."""
    kit.replica.allow("invoice-bot", 1)
    task = await kit.open()
    lease = await kit.issue(task)

    with pytest.raises(QuotaExceededError):
        await kit.issue(task)

    assert await counted(kit) == [[lease], [lease]]
    assert await kit.ledger.leases.live(task.spec.id, 0) == [lease]


async def test_a_lease_that_was_never_counted_is_not_delivered_later(kit: VerbsKit) -> None:
    """A broker died between a quota's refusal and undoing the grant: the repeat asks again."""
    kit.replica.allow("invoice-bot", 1)
    task = await kit.open()
    counted_one = await kit.issue(task)
    granted = await _grant_uncounted(kit, counted_one, "again")

    with pytest.raises(QuotaExceededError):
        await kit.issue(task, key="again")

    assert not (await kit.ledger.leases.view(granted)).is_alive
    assert await counted(kit) == [[counted_one], [counted_one]]


async def test_a_repeat_counts_the_lease_of_the_first_request(kit: VerbsKit) -> None:
    """A broker died before its places were taken: then the repeat takes them, once."""
    task = await kit.open()
    former = await kit.issue(task)
    await kit.verbs.credentials.give_back(kit.agent, former)
    granted = await _grant_uncounted(kit, former, "again")

    assert await kit.issue(task, key="again") == granted
    assert await kit.issue(task, key="again") == granted

    assert await counted(kit) == [[granted], [granted]]


async def test_a_repeat_shows_the_generation_that_it_delivers(kit: VerbsKit) -> None:
    """The first request's, although the lease was renewed since."""
    lease = await kit.issue(await kit.open(), ttl_ms=60_000)
    first = await kit.verbs.issuance.renew(kit.agent, lease, 120_000, "one")
    await kit.verbs.issuance.renew(kit.agent, lease, 240_000, "two")

    again = await kit.verbs.issuance.renew(kit.agent, lease, 120_000, "one")

    assert again.lease.generation == first.lease.generation == 2
    assert again.lease.expires_at_ms == first.lease.expires_at_ms
    assert again.credential.reveal() == first.credential.reveal()


async def test_a_renewal_is_not_delivered_again_after_the_end(kit: VerbsKit) -> None:
    """Its token would be refused everywhere: the caller learns why instead."""
    lease = await kit.issue(await kit.open(), ttl_ms=60_000)
    await kit.verbs.issuance.renew(kit.agent, lease, 120_000, "one")
    await kit.verbs.credentials.give_back(kit.agent, lease)

    with pytest.raises(LeaseEndedError):
        await kit.verbs.issuance.renew(kit.agent, lease, 120_000, "one")


async def test_renewing_what_has_ended_takes_no_place(kit: VerbsKit) -> None:
    """Neither a credential that was given back nor one whose task was taken down is counted."""
    task = await kit.open()
    given, left = await kit.issue(task), await kit.issue(task)
    await kit.verbs.credentials.give_back(kit.agent, given)
    await kit.verbs.tasks.close(kit.agent, task.spec.id, TaskState.COMPLETED, "")
    await kit.reap()

    for lease in (given, left):
        with pytest.raises((TaskClosedError, LeaseEndedError)):
            await kit.verbs.issuance.renew(kit.agent, lease, 120_000, "")

    assert await counted(kit) == [[], []]


async def test_a_renewal_that_a_quota_refuses_takes_no_place(kit: VerbsKit) -> None:
    """One quota is full, the other has room: what has ended is counted in neither."""
    task = await kit.open()
    given = await kit.issue(task)
    await kit.verbs.credentials.give_back(kit.agent, given)
    kit.replica.allow("invoice-bot", 1)
    living = await kit.issue(task)

    with pytest.raises(QuotaExceededError):
        await kit.verbs.issuance.renew(kit.agent, given, 120_000, "")

    assert await counted(kit) == [[living], [living]]


async def test_a_refused_renewal_counts_a_lease_as_before(kit: VerbsKit) -> None:
    """It would not live longer: nor do its places."""
    lease = await kit.issue(await kit.open(), ttl_ms=60_000)
    before = await places_end(kit, lease)

    with pytest.raises(LeaseNotRenewableError):
        await kit.verbs.issuance.renew(kit.agent, lease, 59_000, "")

    expires = (await kit.ledger.leases.view(lease)).expires_at_ms
    assert all(expires <= end <= max(before) + 1_000 for end in await places_end(kit, lease))


async def test_no_order_of_two_renewals_counts_a_lease_for_less_than_it_lives(link: Link) -> None:
    """One is refused, and held up at any of its calls, while the other is granted."""
    pausing = PausingLink(link, at=NEVER)
    kit, slow = VerbsKit(link), VerbsKit(pausing)
    task = await kit.open()

    for call in range(1, 14):
        lease = await kit.issue(task, ttl_ms=60_000)
        pausing.pause_at(call)
        refused = asyncio.create_task(slow.verbs.issuance.renew(slow.agent, lease, 1_000, ""))
        await pausing.reached_by(refused)
        granted = await kit.verbs.issuance.renew(kit.agent, lease, 240_000, "")
        pausing.released.set()
        with pytest.raises(LeaseNotRenewableError):
            await refused

        assert min(await places_end(kit, lease)) >= granted.lease.expires_at_ms, call


async def places_end(kit: VerbsKit, lease: str) -> list[float]:
    """Read until when a lease is counted."""
    keys = [kit.ledger.keys.quota(*quota) for quota in QUOTAS]
    return [float(await kit.link.read("ZSCORE", key, lease)) for key in keys]


async def test_a_repeat_that_fails_takes_nothing_away(link: Link) -> None:
    """The credential was delivered: that a quota's reply is lost now is no reason to end it."""
    faulty = FaultyLink(link)
    kit = VerbsKit(faulty)
    task = await kit.open()
    lease = await kit.issue(task, key="again")

    failures = 0
    for at in range(12):
        faulty.arm(Fault(at=at, after=at % 2 == 0, for_good=False))
        with contextlib.suppress(StoreUnavailableError):
            assert await kit.issue(task, key="again") == lease
        failures += faulty.struck

    faulty.arm(None)
    assert failures > 3
    assert (await kit.ledger.leases.view(lease)).is_alive
    assert await kit.issue(task, key="again") == lease
    assert await counted(kit) == [[lease], [lease]]


async def test_a_repeat_after_the_end_takes_no_place(kit: VerbsKit) -> None:
    """The credential of this key has ended: nothing is delivered, nothing counted."""
    task = await kit.open()
    lease = await kit.issue(task, key="again")
    await kit.verbs.credentials.give_back(kit.agent, lease)

    with pytest.raises(LeaseEndedError):
        await kit.issue(task, key="again")

    assert await counted(kit) == [[], []]


async def _grant_uncounted(kit: VerbsKit, like: LeaseId, key: str) -> LeaseId:
    """Do what an issuing broker has done when it dies before the quotas have heard of it."""
    request = IssueCredential("orders-api", frozenset({"orders:read"}), 60_000)
    spec = (await kit.ledger.leases.view(like)).spec
    same = repeatable(kit.agent, f"issue {spec.task}", key, request)
    lease = kit.ledger.ids.lease(spec.task)
    new = NewLease(
        spec=replace(spec, id=lease, locator=lease),
        state=LeaseState.ACTIVE,
        ttl_ms=60_000,
        max_ttl_ms=HOUR_MS,
        evidence_exp_ms=kit.agent.expires_at_ms,
        facts=1,
        key=same.key,
        digest=same.digest,
    )
    return (await kit.ledger.leases.grant(new)).lease
