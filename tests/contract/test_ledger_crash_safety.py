"""A script that fails half-way leaves a ledger that is still right.

Redis undoes nothing when a script fails (dangers M11): the order of its lines must make up for it.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence

import pytest

from broker.errors import (
    LeaseNotRenewableError,
    StoreUnavailableError,
    TaskClosedError,
)
from broker.ids import bucket_of
from broker.model.lease import LeaseSpec, LeaseState
from broker.model.requests import SelectorKind
from broker.model.target import DeathState, TargetRef
from broker.model.task import TaskSpec
from broker.store.cut_ledger import Cut
from broker.store.death_ledger import DeathLedger, Note
from broker.store.limits import Limits
from broker.store.link import Link, Reply, Script, Value
from broker.store.quotas import Quota
from broker.store.task_ledger import Extension
from tests.fakes.ledger_kit import MINUTE, LedgerKit

QUOTA = Quota("agent", "invoice-bot", 3)


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


class Spoiling:
    """A link that puts something of another type in the place of one key of one script.

    Attributes:
        spoiled: the key, once that is done.
    """

    def __init__(self, link: Link, script: str, place: int) -> None:
        self._link = link
        self._script = script
        self._place = place
        self.spoiled = ""
        self._is_saved = False

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script, after its key was spoiled."""
        if script.name == self._script and not self.spoiled and self._place < len(keys):
            self.spoiled = keys[self._place]
            saved = await self._link.read("COPY", self.spoiled, f"{self.spoiled}-saved")
            self._is_saved = saved == 1
            await self._link.read("DEL", self.spoiled)
            is_text = self.spoiled.partition("}:")[2].startswith(("rc:", "d:"))
            spoil = ("RPUSH", self.spoiled, "x") if is_text else ("SET", self.spoiled, "x")
            await self._link.read(*spoil)
        return await self._link.run(script, keys, args)

    async def read(self, *command: Value) -> Reply:
        """Run a command."""
        return await self._link.read(*command)

    async def each_server(self, *command: Value) -> list[Reply]:
        """Ask every primary."""
        return await self._link.each_server(*command)

    async def mend(self) -> None:
        """Put back what was there."""
        await self._link.read("DEL", self.spoiled)
        if self._is_saved:
            await self._link.read("RENAME", f"{self.spoiled}-saved", self.spoiled)


async def _open_root(kit: LedgerKit) -> None:
    await kit.open(key="k", digest="d")


async def _open_child(kit: LedgerKit) -> None:
    await kit.open(await kit.open())


async def _claim(kit: LedgerKit) -> None:
    task = await kit.open(instance="", claim_hash="h")
    await kit.tasks.claim(await kit.tasks.view(task.id), "h", "pod-1")


async def _replace_handle(kit: LedgerKit) -> None:
    task = await kit.open(instance="", claim_hash="h")
    await kit.tasks.replace_handle(await kit.tasks.view(task.id), "h2")


async def _extend(kit: LedgerKit) -> None:
    await kit.tasks.extend(
        await kit.tasks.view((await kit.open()).id), Extension(20 * MINUTE, 0, "x", "k-extend", "d")
    )


async def _close(kit: LedgerKit) -> None:
    task = await kit.open()
    await kit.grant(task)
    await kit.close(task)


async def _sweep(kit: LedgerKit) -> None:
    task = await kit.open(idle_ms=1)
    await kit.grant(task)
    await kit.pass_time(task.id, 1)
    await kit.tree.sweep(task.path)


async def _grant(kit: LedgerKit) -> None:
    await kit.grant(await kit.open(), key="k", digest="d")


async def _renew(kit: LedgerKit) -> None:
    granted = await kit.grant(await kit.open())
    await kit.leases.renew(await kit.leases.view(granted.lease), kit.renewal(key="k", digest="d"))


async def _activate(kit: LedgerKit) -> None:
    new = kit.new_lease(await kit.open(), state=LeaseState.RESERVED)
    await kit.leases.grant(new)
    await kit.leases.activate(new.spec, 0)


async def _end(kit: LedgerKit) -> None:
    task = await kit.open()
    granted = await kit.grant(task)
    await kit.leases.end([(granted.lease, task.id)], "revoked")


async def _grant_at_target(kit: LedgerKit) -> None:
    await _reserve_at_target(kit, await kit.open())


async def _reserve_at_target(kit: LedgerKit, task: TaskSpec) -> LeaseSpec:
    at = TargetRef("yard", "toy-1")
    new = kit.new_lease(task, target=at, state=LeaseState.RESERVED, minting_ms=MINUTE)
    await kit.leases.grant(new)
    return new.spec


async def _kill(kit: LedgerKit) -> None:
    task = await kit.open()
    spec = await _reserve_at_target(kit, task)
    await kit.leases.activate(spec, 0)
    await kit.leases.end([(spec.id, task.id)], "revoked")
    deaths = DeathLedger(kit.link, kit.keys, kit.ids, kit.limits)
    await deaths.note(spec.id, Note(DeathState.CONFIRMED))


async def _cut(kit: LedgerKit) -> None:
    await kit.grant(await kit.open())
    standing = await kit.cuts.lay(kit.ids.revocation(0), Cut(SelectorKind.ALL, ""))
    if len(standing) < len(kit.keys.buckets):
        raise StoreUnavailableError("pending")


async def _claim_work(kit: LedgerKit) -> None:
    task = await kit.open()
    await kit.close(task)
    await kit.works(task.id)


async def _forget(kit: LedgerKit) -> None:
    task = await kit.open()
    await kit.close(task)
    await kit.tree.forget(task)


CHANGES: dict[str, tuple[str, Callable[[LedgerKit], Awaitable[None]], int]] = {
    "open-root": ("task_open", _open_root, 10),
    "open-child": ("task_open", _open_child, 13),
    "claim": ("task_claim", _claim, 5),
    "handle": ("task_handle", _replace_handle, 5),
    "extend": ("task_extend", _extend, 6),
    "close": ("task_close", _close, 6),
    "sweep": ("task_sweep", _sweep, 6),
    "grant": ("lease_grant", _grant, 12),
    "renew": ("lease_renew", _renew, 8),
    "activate": ("lease_activate", _activate, 5),
    "end": ("lease_end", _end, 7),
    "grant-at-target": ("lease_grant", _grant_at_target, 12),
    "end-at-target": ("lease_end", _kill, 7),
    "kill": ("lease_death", _kill, 6),
    "cut": ("cut_make", _cut, 5),
    "claim-work": ("due_claim", _claim_work, 5),
    "forget": ("task_forget", _forget, 14),
}
"""Every change of the ledger: its script, a way to it, and how many keys it has."""

PLACES = [(name, place) for name, (_, _, keys) in CHANGES.items() for place in range(keys)]


@pytest.mark.parametrize("link", ["mux"], indirect=True)
@pytest.mark.parametrize(("name", "place"), PLACES, ids=str)
async def test_no_spoiled_key_leaves_a_credential_that_nobody_follows_up(
    link: Link, name: str, place: int
) -> None:
    """Whichever key of whichever script it is: what is alive is due, what is told is dense (E5)."""
    script, change, _ = CHANGES[name]
    spoiling = Spoiling(link, script, place)
    kit = LedgerKit(spoiling, buckets=1)

    with contextlib.suppress(StoreUnavailableError):
        await change(kit)

    assert spoiling.spoiled
    await spoiling.mend()
    await _check(LedgerKit(link, buckets=1))


async def _check_death(kit: LedgerKit, key: str, is_due: bool) -> None:  # noqa: FBT001 - a judgement
    """What may live at a target is due, unless it is active: then its end makes it so."""
    state, target, death = await kit.link.read("HMGET", key, "state", "target", "death")
    is_settled = bool(death) and death.startswith("confirmed")
    assert not target or state == "active" or is_settled or is_due


async def _check(kit: LedgerKit) -> None:
    (bucket,) = kit.keys.buckets
    due = set(await kit.link.read("ZRANGE", bucket.due, 0, -1))
    entries = await kit.link.read("XRANGE", bucket.out, "-", "+")
    last = int(await kit.link.read("HGET", bucket.meta, "out") or 0)
    assert [entry for entry, _ in entries] == [f"{n}-0" for n in range(1, last + 1)]
    told = [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in entries]
    starts = sum(event["type"] == "lease.issued" for event in told)
    for key in await kit.link.read("KEYS", f"{bucket.prefix}[lt]:*"):
        kind, _, name = key.removeprefix(bucket.prefix).partition(":")
        state = await kit.link.read("HGET", key, "state")
        if kind == "l":
            await _check_death(kit, key, f"v:{name}" in due)
        if kind == "l":
            assert starts == 1
            task = await kit.link.read("HGET", key, "task")
            assert state == "ended" or f"l:{name}:{task}" in due
        elif state == "open":
            assert f"t:{name}" in due
        elif state is not None:
            assert f"k:{name}" in due


async def _spoil(kit: LedgerKit, key: str) -> None:
    await kit.link.read("RENAME", key, f"{key}-saved")
    await kit.link.read("SET", key, "x")


async def _mend(kit: LedgerKit, key: str) -> None:
    await kit.link.read("DEL", key)
    await kit.link.read("RENAME", f"{key}-saved", key)


async def test_an_event_that_cannot_be_told_leaves_no_gap(kit: LedgerKit) -> None:
    """A gap would stop the shipping of this bucket for good."""
    task = await kit.open()
    out = kit.keys.of(task.id).out
    await _spoil(kit, out)
    with pytest.raises(StoreUnavailableError):
        await kit.close(task)
    await _mend(kit, out)

    await kit.close(task)

    entries = await kit.link.read("XRANGE", out, "-", "+")
    assert [entry for entry, _ in entries] == ["1-0", "2-0"]


async def test_a_task_whose_end_cannot_be_told_is_dead_and_told_later(kit: LedgerKit) -> None:
    """Taking away goes first; the repeat catches up on the telling, once (I5, I12)."""
    task = await kit.open()
    granted = await kit.grant(task)
    out = kit.keys.of(task.id).out
    await _spoil(kit, out)
    with pytest.raises(StoreUnavailableError):
        await kit.close(task)
    assert not await kit.is_alive(granted.lease)
    await _mend(kit, out)

    await kit.close(task)
    await kit.close(task)

    (event,) = [event for event in await kit.told(task.id) if event["type"] == "task.closed"]
    assert (event["feed"], event["aud"]) == (f'{{"task":"{task.id}"}}', "https://orders.example")
    assert (await kit.tasks.view(task.id)).close_number == 3


async def test_a_lease_whose_end_cannot_be_told_is_dead_and_told_later(kit: LedgerKit) -> None:
    """It stays in the due queue until it is."""
    task = await kit.open()
    granted = await kit.grant(task)
    out, due = kit.keys.of(task.id).out, kit.keys.of(task.id).due
    await _spoil(kit, out)
    pair = [(granted.lease, task.id)]
    with pytest.raises(StoreUnavailableError):
        await kit.leases.end(pair, "revoked")
    assert not await kit.is_alive(granted.lease)
    assert await kit.link.read("ZSCORE", due, f"l:{granted.lease}:{task.id}")
    await _mend(kit, out)

    await kit.leases.end(pair, "expired")
    await kit.leases.end(pair, "expired")

    (event,) = [event for event in await kit.told(task.id) if event["type"] == "lease.ended"]
    assert event["feed"] == f'{{"jti":"{granted.lease}"}}'
    assert await kit.link.read("ZSCORE", due, f"l:{granted.lease}:{task.id}") is None


async def test_a_task_with_garbage_in_its_record_can_be_ended(kit: LedgerKit) -> None:
    """Nobody knows whom to tell until when: everybody, and for long."""
    task = await kit.open()
    await kit.grant(task)
    bucket = kit.keys.of(task.id)
    await kit.link.read("HSET", bucket.task(task.id), "lx", "garbage")
    await kit.link.read("DEL", bucket.audiences(task.id))
    await kit.link.read("SET", bucket.audiences(task.id), "x")

    await kit.close(task)

    event = (await kit.told(task.id))[-1]
    assert event["aud"] == "*"
    assert int(event["exp"]) - int(event["at"]) > 300 * 24 * 60 * MINUTE


async def test_a_cut_that_cannot_be_read_covers_its_name_and_no_other(kit: LedgerKit) -> None:
    """Unsure means dead for what it names; for everything else the judge goes on (I5)."""
    named, other = await kit.open(), await kit.open(agent="report-bot")
    granted, spared = await kit.grant(named), await kit.grant(other)
    for bucket in kit.keys.buckets:
        await kit.link.read("HSET", bucket.cuts, "agent:invoice-bot", "garbage")

    assert not await kit.is_alive(granted.lease)
    assert await kit.is_alive(spared.lease)
    cut = Cut(SelectorKind.AGENT, "report-bot")
    assert len(await kit.cuts.lay(kit.ids.revocation(0), cut)) == 4
    assert not await kit.is_alive(spared.lease)


async def test_a_cut_stands_as_long_as_a_task_that_it_killed_could_live(link: Link) -> None:
    """Longer than any lease: nobody may have cleaned up behind it when it is dropped (I4)."""
    limits = Limits(lease_ms=MINUTE, task_ms=60 * MINUTE)
    kit = LedgerKit(link, buckets=1, limits=limits)
    task = await kit.open(ttl_ms=50 * MINUTE)
    await kit.cuts.lay(kit.ids.revocation(0), Cut(SelectorKind.AGENT, "invoice-bot"))

    await kit.pass_time(task.id, 45 * MINUTE)
    await kit.cuts.lay(kit.ids.revocation(0), Cut(SelectorKind.AGENT, "somebody"))

    assert not (await kit.tasks.view(task.id)).is_alive
    with pytest.raises(TaskClosedError):
        await kit.grant(task)


async def test_a_fencing_number_is_never_given_twice(kit: LedgerKit) -> None:
    """Who was stopped for long must not settle what came back and is another's by now (E19)."""
    task = await kit.open()
    await kit.close(task)
    bucket = bucket_of(task.id)
    (stopped,) = await kit.due.claim(bucket, limit=1, hide_ms=0)
    (second,) = await kit.due.claim(bucket, limit=1, hide_ms=1_000)
    await kit.due.settle(second, again_at_ms=second.claimed_ms)
    (third,) = await kit.due.claim(bucket, limit=1, hide_ms=1_000)

    assert not await kit.due.settle(stopped)

    assert third.fence > second.fence > stopped.fence
    assert await kit.due.settle(third)


async def test_the_same_lease_is_granted_once(kit: LedgerKit) -> None:
    """The very same call again, without any key of its caller's, changes nothing (E6)."""
    task = await kit.open()
    new = kit.new_lease(task)
    first = await kit.leases.grant(new)

    again = await kit.leases.grant(new)

    assert (again.is_new, again.lease, again.expires_at_ms) == (
        False,
        first.lease,
        first.expires_at_ms,
    )
    assert [event["type"] for event in await kit.told(task.id)].count("lease.issued") == 1


async def test_what_is_only_reserved_is_not_renewed(kit: LedgerKit) -> None:
    """It would prolong what does not exist yet."""
    new = kit.new_lease(await kit.open(), state=LeaseState.RESERVED)
    await kit.leases.grant(new)

    with pytest.raises(LeaseNotRenewableError):
        await kit.leases.renew(await kit.leases.view(new.spec.id), kit.renewal())


async def test_opening_is_remembered_as_long_as_the_task(link: Link) -> None:
    """Its key must not open another one while it lives (I10)."""
    kit = LedgerKit(link, limits=Limits(retention_ms=MINUTE))
    task = await kit.open(key="k", digest="d")

    left = await kit.link.read("PTTL", kit.keys.of(task.id).idempotency("k"))

    assert left > 60 * MINUTE


async def test_a_short_retention_takes_no_living_lease_from_its_task(link: Link) -> None:
    """A report must list it when it ends."""
    kit = LedgerKit(link, limits=Limits(retention_ms=1_000))
    task = await kit.open()
    first = await kit.grant(task, ttl_ms=5 * MINUTE)
    await kit.pass_time(task.id, MINUTE)

    second = await kit.grant(task)

    listed = await kit.leases.page(task.id, None, 10)
    assert [entry.name for entry in listed] == [first.lease, second.lease]


async def test_a_forgotten_task_leaves_nothing_in_the_indexes_of_its_evidence(
    kit: LedgerKit,
) -> None:
    """Its leases may rest on other issuers' evidence than its opening did."""
    task = await kit.open()
    for issuer in ("https://two.example", "https://three.example", "https://two.example"):
        await kit.grant(task, evidence_issuer=issuer)
    await kit.close(task)

    await kit.tree.forget(task)

    left = await kit.link.read("KEYS", f"{kit.keys.of(task.id).prefix}ix:*")
    assert left == []


async def test_a_quota_forgets_what_has_expired_a_few_at_a_time(kit: LedgerKit) -> None:
    """However many have expired together, none of them counts and no script takes long."""
    key = kit.keys.quota("agent", "invoice-bot")
    task = await kit.open()
    for _ in range(250):
        await kit.link.read("ZADD", key, 1, kit.ids.lease(task.id))

    for _ in range(3):
        granted = await kit.grant(task)
        assert await kit.take([QUOTA], granted.lease, MINUTE) is None

    assert await kit.link.read("ZCARD", key) == 3
    assert await kit.take([QUOTA], kit.ids.lease(task.id), MINUTE) == QUOTA
