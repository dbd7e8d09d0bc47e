"""Cuts, due work, quotas, decisions and the control record, over every way to reach a Redis."""

import asyncio

import pytest

from broker.errors import ConfigurationError, NotFoundError, SupersededError, TaskClosedError
from broker.ids import bucket_of
from broker.model.requests import Selector, SelectorKind
from broker.store.control_record import KeyChange, PublicKey
from broker.store.cut_ledger import Cut
from broker.store.link import Link
from broker.store.quotas import Quota
from broker.store.revocation_ledger import Order
from tests.fakes.ledger_kit import FAR, MINUTE, LedgerKit


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


CUTS = [
    Cut(SelectorKind.ALL, ""),
    Cut(SelectorKind.TENANT, "acme"),
    Cut(SelectorKind.AGENT, "invoice-bot"),
    Cut(SelectorKind.AGENT, "invoice-bot", "acme"),
    Cut(SelectorKind.CAPABILITY, "orders-api"),
    Cut(SelectorKind.CAPABILITY, "orders-api", "acme"),
    Cut(SelectorKind.ISSUER, "https://issuer.example"),
    Cut(SelectorKind.ISSUER, "https://issuer.example", "acme"),
]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.field)
async def test_a_cut_kills_what_it_names(kit: LedgerKit, cut: Cut) -> None:
    """From the moment that it stands, before anything is cleaned up."""
    task = await kit.open()
    granted = await kit.grant(task)

    standing = await kit.cuts.lay(kit.ids.revocation(0), cut)

    assert sorted(standing) == [0, 1, 2, 3]
    assert not await kit.is_alive(granted.lease)


@pytest.mark.parametrize(
    "cut",
    [
        Cut(SelectorKind.TENANT, "globex"),
        Cut(SelectorKind.AGENT, "report-bot"),
        Cut(SelectorKind.AGENT, "invoice-bot", "globex"),
        Cut(SelectorKind.CAPABILITY, "orders-api", "globex"),
        Cut(SelectorKind.ISSUER, "https://issuer.example", "globex"),
    ],
    ids=lambda cut: cut.field,
)
async def test_a_cut_spares_what_it_does_not_name(kit: LedgerKit, cut: Cut) -> None:
    """Another tenant's, another agent's, and the same name confined to another tenant."""
    task = await kit.open(tenant="acme")
    granted = await kit.grant(task)

    await kit.cuts.lay(kit.ids.revocation(0), cut)

    assert await kit.is_alive(granted.lease)


async def test_a_cut_agent_can_start_again_with_a_new_task(kit: LedgerKit) -> None:
    """A cut is about the past; shutting an agent out for good is policy's part."""
    old = await kit.open()
    cut = Cut(SelectorKind.AGENT, "invoice-bot")
    standing = await kit.cuts.lay(kit.ids.revocation(0), cut)
    latest = max(s.issued_before_ms for s in standing.values())
    await _pass(kit, latest)

    with pytest.raises(TaskClosedError):
        await kit.grant(old)
    new = await kit.open()
    granted = await kit.grant(new)

    assert await kit.is_alive(granted.lease)


async def _pass(kit: LedgerKit, instant_ms: int) -> None:
    """Wait until every server's clock is beyond an instant."""
    while True:
        answers = await kit.link.each_server("TIME")
        if all(int(s) * 1000 + int(us) // 1000 > instant_ms for s, us in answers):
            return
        await asyncio.sleep(0.001)


async def test_one_time_holds_in_every_bucket(kit: LedgerKit) -> None:
    """Each bucket is raised to the latest of all, so verifiers and ledger agree."""
    await kit.pass_time("t_02_x", 5_000)

    standing = await kit.cuts.lay(kit.ids.revocation(0), Cut(SelectorKind.ALL, ""))

    assert len({s.issued_before_ms for s in standing.values()}) == 1


async def test_laying_a_cut_again_tells_nothing_new(kit: LedgerKit) -> None:
    """The revocation's id makes a repeat harmless, also after a crash in between."""
    revocation, cut = kit.ids.revocation(0), Cut(SelectorKind.TENANT, "acme")

    first = await kit.cuts.lay(revocation, cut)
    again = await kit.cuts.lay(revocation, cut)

    assert again == first
    assert [e["type"] for e in await kit.told("t_01_x")] == ["cut.made"]


async def test_an_order_that_is_still_tried_is_not_laid_anew(kit: LedgerKit) -> None:
    """One bucket was away for long: the others must not cut off what they issued meanwhile."""
    revocation, cut = kit.ids.revocation(0), Cut(SelectorKind.TENANT, "acme")
    await kit.cuts.lay(revocation, cut)
    marker = kit.keys.buckets[1].cut_marker(revocation)
    await kit.link.read("PEXPIRE", marker, 60_000)

    await kit.cuts.lay(revocation, cut)

    assert await kit.link.read("PTTL", marker) > 60_000


async def test_a_later_cut_takes_the_place_of_an_earlier_one(kit: LedgerKit) -> None:
    """What was granted between the two is dead as well."""
    cut = Cut(SelectorKind.AGENT, "invoice-bot")
    first = await kit.cuts.lay(kit.ids.revocation(0), cut)
    latest = max(s.issued_before_ms for s in first.values())
    await _pass(kit, latest)
    between = await kit.grant(await kit.open())

    await kit.cuts.lay(kit.ids.revocation(0), cut)

    assert not await kit.is_alive(between.lease)


async def test_issue_and_cut_race_leaves_nothing_alive_that_came_first(kit: LedgerKit) -> None:
    """Whatever was issued until the cut was acknowledged in its bucket is dead (I4)."""
    cut = Cut(SelectorKind.TENANT, "acme")
    tasks = [await kit.open() for _ in range(4)]

    async def issue_many() -> list:
        made = []
        for n in range(40):
            try:
                made.append(await kit.grant(tasks[n % 4]))
            except TaskClosedError:
                continue
        return made

    made, standing = await asyncio.gather(issue_many(), kit.cuts.lay(kit.ids.revocation(0), cut))

    for granted in made:
        before = standing[bucket_of(granted.lease)].issued_before_ms
        assert granted.issued_at_ms <= before
        assert not await kit.is_alive(granted.lease)


async def test_claimed_work_is_hidden_and_comes_back(kit: LedgerKit) -> None:
    """A worker that dies loses its claim, and its late settling changes nothing (E19)."""
    task = await kit.open()
    await kit.close(task)
    bucket = bucket_of(task.id)

    (first,) = await kit.due.claim(bucket, limit=10, hide_ms=1_000)
    hidden = await kit.due.claim(bucket, limit=10, hide_ms=1_000)
    await kit.pass_time(task.id, 1_000)
    (second,) = await kit.due.claim(bucket, limit=10, hide_ms=1_000)

    assert first.member == second.member == f"k:{task.id}"
    assert hidden == []
    assert second.fence > first.fence
    assert not await kit.due.settle(first)
    assert await kit.due.settle(second)
    await kit.pass_time(task.id, 10_000)
    assert await kit.due.claim(bucket, limit=10, hide_ms=1_000) == []


async def test_two_workers_never_hold_the_same_work(kit: LedgerKit) -> None:
    """Eight claim at once from one bucket."""
    first = await kit.open()
    tasks = [first]
    while len(tasks) < 40:
        task = kit.new_task()
        if bucket_of(task.spec.id) == bucket_of(first.id):
            await kit.tasks.open(task)
            tasks.append(task.spec)
    for task in tasks:
        await kit.close(task)

    claims = await asyncio.gather(
        *(kit.due.claim(bucket_of(first.id), limit=7, hide_ms=60_000) for _ in range(8))
    )

    members = [work.member for works in claims for work in works]
    assert len(members) == len(set(members)) == 40


async def test_work_put_off_is_due_again_when_it_says(kit: LedgerKit) -> None:
    """Not before."""
    task = await kit.open()
    await kit.close(task)
    bucket = bucket_of(task.id)
    (work,) = await kit.due.claim(bucket, limit=1, hide_ms=1_000)
    closed = (await kit.tasks.view(task.id)).closed_at_ms

    await kit.due.settle(work, again_at_ms=closed + 60_000)

    await kit.pass_time(task.id, 50_000)
    assert await kit.due.claim(bucket, limit=1, hide_ms=1_000) == []
    await kit.pass_time(task.id, 10_000)
    assert len(await kit.due.claim(bucket, limit=1, hide_ms=1_000)) == 1


async def test_a_quota_is_the_size_of_a_set(kit: LedgerKit) -> None:
    """Taking twice counts once, giving frees, and what has expired does not count (A19)."""
    quota = [Quota("agent", "invoice-bot", 2)]
    one, two, three = [kit.ids.lease((await kit.open()).id) for _ in range(3)]

    assert await kit.take(quota, one, FAR) is None
    assert await kit.take(quota, one, FAR) is None
    assert await kit.take(quota, two, 0) is None
    assert await kit.take(quota, three, FAR) is None
    assert await kit.take(quota, two, FAR) == quota[0]
    await kit.quotas.give(quota, [one])
    assert await kit.take(quota, two, FAR) is None


async def test_a_place_is_prolonged_by_taking_and_shortened_only_on_purpose(
    kit: LedgerKit,
) -> None:
    """A renewed lease counts on; one that got less than was asked for does not count for more."""
    one, other = (kit.ids.lease(kit.ids.root_task()) for _ in range(2))
    quota = [Quota("agent", "invoice-bot", 1)]
    await kit.take(quota, one, 1_000)

    await kit.take(quota, one, FAR)
    await kit.take(quota, one, 1)
    assert await kit.take(quota, other, FAR) == quota[0]

    await kit.quotas.until(quota, one, 1)
    await kit.quotas.until(quota, other, FAR)
    assert await kit.take(quota, other, FAR) is None


async def test_an_undone_grant_frees_its_idempotency_key(kit: LedgerKit) -> None:
    """Nobody got it: the same request may be granted later, as another lease."""
    task = await kit.open()
    new = kit.new_lease(task, key="k", digest="d")
    await kit.leases.grant(new)

    await kit.leases.undo(new, new.spec.id)
    await kit.leases.undo(new, new.spec.id)
    again = await kit.grant(task, key="k", digest="d")
    await kit.leases.undo(new, new.spec.id)

    assert not await kit.is_alive(new.spec.id)
    assert again.is_new
    assert not (await kit.grant(task, key="k", digest="d")).is_new


async def test_a_refusal_can_be_looked_up_by_its_id(kit: LedgerKit) -> None:
    """And it stands in the outbox, without the caller's own words."""
    decision = await kit.decisions.note(
        "agent:invoice-bot", "acme", {"reason": "no-permit"}, question='{"labels":{"k":"v"}}'
    )

    found = await kit.decisions.find(decision)

    assert (found["decision"], found["tenant"], found["reason"]) == (decision, "acme", "no-permit")
    (event,) = await kit.told(decision)
    assert event["type"] == "decision.denied"
    assert "labels" not in event["detail"]


async def test_a_looping_agents_refusals_are_bounded(kit: LedgerKit) -> None:
    """A hundred a minute are kept; more are counted and fill nobody's outbox (I14)."""
    ids = [
        await kit.decisions.note("agent:loop", "acme", {"reason": "no-permit"}, question="{}")
        for _ in range(130)
    ]

    assert len(await kit.told(ids[0])) == 100
    with pytest.raises(NotFoundError):
        await kit.decisions.find(ids[-1])


async def test_an_order_is_kept_once(kit: LedgerKit) -> None:
    """A repeat finds the first, and where its cuts stand adds up."""
    revocation = kit.ids.revocation(1)
    selector = Selector(SelectorKind.AGENT, "invoice-bot")
    order = Order(revocation, selector, ("acme",), "breach", "operator:alice", "d1")
    cut = Cut(SelectorKind.AGENT, "invoice-bot", "acme")

    first = await kit.orders.put(order)
    second = await kit.orders.put(Order(revocation, selector, (), "other", "operator:bob", "d2"))
    await kit.orders.stands(revocation, cut.field, await kit.cuts.lay(revocation, cut))

    found, standings = await kit.orders.find(revocation)
    assert first == second == found == order
    assert sorted(standings[cut.field]) == [0, 1, 2, 3]


async def test_publishing_raises_the_facts_everywhere_first(kit: LedgerKit) -> None:
    """And publishing what stands already changes nothing."""
    first = await kit.control.publish('{"a":1}', "d1", "operator:alice")
    again = await kit.control.publish('{"a":1}', "d1", "operator:alice")
    second = await kit.control.publish('{"a":2}', "d2", "operator:alice")

    assert (first.revision, again.revision, second.revision) == (1, 1, 2)
    assert await kit.control.bundle(1) == '{"a":1}'
    for bucket in kit.keys.buckets:
        assert await kit.link.read("HGET", bucket.meta, "facts") == "2"


async def test_two_operators_cannot_overwrite_each_others_keys(kit: LedgerKit) -> None:
    """The change names the version it was made from."""
    record = await kit.control.create()
    key = PublicKey("k1", "EdDSA", "active", {"kty": "OKP"})

    change = KeyChange("init", "k1", "operator:alice")
    changed = await kit.control.put_keys(record, (key,), change)

    assert changed.keys == (key,)
    with pytest.raises(SupersededError):
        await kit.control.put_keys(record, (), change)
    assert (await kit.control.read()) == changed


async def test_a_ledger_made_with_other_buckets_is_refused(kit: LedgerKit) -> None:
    """An id would be looked for in another place; the error names the setting and the number."""
    await kit.control.create()

    with pytest.raises(ConfigurationError, match=r"store\.buckets"):
        await LedgerKit(kit.link, buckets=8).control.create()


async def test_many_brokers_making_the_record_agree_on_one_epoch(kit: LedgerKit) -> None:
    """Whoever comes first names the ledger."""
    records = await asyncio.gather(*(LedgerKit(kit.link).control.create() for _ in range(8)))

    assert len({record.epoch for record in records}) == 1


async def test_expired_cuts_are_dropped(kit: LedgerKit) -> None:
    """They cover nothing that could still be alive."""
    await kit.cuts.lay(kit.ids.revocation(0), Cut(SelectorKind.AGENT, "old"))
    for number in range(4):
        longest = max(kit.limits.lease_ms, kit.limits.task_ms)
        await kit.pass_time(f"t_{number:02x}_x", longest + MINUTE)

    await kit.cuts.lay(kit.ids.revocation(0), Cut(SelectorKind.AGENT, "new"))

    assert await kit.link.read("HKEYS", kit.keys.buckets[1].cuts) == ["agent:new"]
