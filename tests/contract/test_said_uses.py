"""What agents say of the uses of their credentials, in the ledger."""

import json
from typing import Any

import pytest

from broker.approval_errors import SlowDownError
from broker.errors import (
    IdempotencyConflictError,
    InvalidRequestError,
    TaskClosedError,
    UnavailableError,
    UnreadableRecordError,
)
from broker.ids import LeaseId
from broker.model.said import SaidBatch, SaidUse
from broker.model.task import TaskSpec
from broker.store.freeze_ledger import FreezeLedger
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.said_ledger import MOST_KINDS, PER_MINUTE, SaidLedger
from tests.fakes.ledger_kit import MINUTE, LedgerKit

ONE = pytest.mark.parametrize("link", ["mux"], indirect=True)
KEY, DIGEST = "a" * 64, "d" * 64


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


@pytest.fixture
def said(kit: LedgerKit) -> SaidLedger:
    """The part that is tested."""
    return SaidLedger(kit.link, kit.keys, kit.ids, kit.limits)


def use(credential: str = "", **changes: Any) -> SaidUse:
    """Say that something was answered, three times."""
    told: dict[str, Any] = {"outcome": "answered", "times": 3, "host": "api.example.com"}
    return SaidUse(credential=credential, first_at_ms=1, last_at_ms=2, **(told | changes))


async def note(
    kit: LedgerKit, said: SaidLedger, task: TaskSpec, *uses: SaidUse, key: str = "", **more: Any
) -> None:
    """Say it."""
    batch = SaidBatch(uses, more.get("untold", 0))
    await said.note(await kit.tasks.view(task.id), batch, key, more.get("digest", DIGEST))


async def events(kit: LedgerKit, task: TaskSpec) -> list[dict[str, Any]]:
    """Return the details of what was told of it."""
    told = await kit.told(task.id)
    return [json.loads(each["detail"]) for each in told if each["type"] == "use.said"]


async def counted(kit: LedgerKit, lease: LeaseId) -> list[str | None]:
    """Return what a lease's record says of it."""
    key = kit.keys.of(lease).lease(lease)
    found: list[str | None] = await kit.link.read("HMGET", key, "said")
    return found


async def test_what_is_said_is_told_counted_and_shown(kit: LedgerKit, said: SaidLedger) -> None:
    """With what the ledger knows of the credential, whoever says what."""
    task = await kit.open()
    lease = (await kit.grant(task)).lease

    await note(kit, said, task, use(lease, need="x", rule="r", status=200), untold=2)
    await note(kit, said, task, use(lease, need="x", rule="r", status=200, times=4))
    await note(kit, said, task, use(lease, outcome="refused", problem="bad-answer"))

    first, *_ = await events(kit, task)
    shown = await said.of_task(task.id)
    assert (first["said_by"], first["untold"], first["agent"]) == ("agent", 2, "invoice-bot")
    [row] = first["uses"]
    assert (row["capability"], row["scopes"], row["times"]) == ("orders-api", ["orders:read"], 3)
    assert await counted(kit, lease) == ["7"]
    assert [(each.kind.outcome, each.times) for each in shown.uses] == [
        ("answered", 7),
        ("refused", 3),
    ]
    assert (shown.uses[0].kind.capability, shown.untold) == ("orders-api", 2)
    assert 0 < shown.uses[0].said_at_ms <= shown.said_at_ms


@ONE
async def test_it_is_a_beat_and_no_more(kit: LedgerKit, said: SaidLedger) -> None:
    """The agent was seen, above it too; deadline, leases and the opener's beat stay as they are."""
    root = await kit.open()
    child = await kit.open(root)
    before = await kit.tasks.view(root.id)
    await kit.pass_time(root.id, MINUTE)

    await note(kit, said, child, use())

    after = await kit.tasks.view(root.id)
    assert after.agent_seen_ms >= before.agent_seen_ms + MINUTE
    assert (after.deadline_ms, after.opener_seen_ms) == (before.deadline_ms, before.opener_seen_ms)


@ONE
async def test_a_batch_counts_once(kit: LedgerKit, said: SaidLedger) -> None:
    """Also when others came in between; and the same key does not stand for another one."""
    task = await kit.open()
    lease = (await kit.grant(task)).lease
    for key in (KEY, "b" * 64, KEY, KEY):
        await note(kit, said, task, use(lease), key=key)
    await kit.pass_time(task.id, MINUTE)
    before = await kit.tasks.view(task.id)

    await note(kit, said, task, use(lease), key=KEY)
    with pytest.raises(IdempotencyConflictError):
        await note(kit, said, task, use(lease), key=KEY, digest="e" * 64)

    assert len(await events(kit, task)) == 2
    assert await counted(kit, lease) == ["6"]
    assert (await kit.tasks.view(task.id)).agent_seen_ms == before.agent_seen_ms


@ONE
@pytest.mark.parametrize("whose", ["another task's", "nobody's", "its child's"])
async def test_of_what_is_not_the_tasks_nothing_is_said(
    kit: LedgerKit, said: SaidLedger, whose: str
) -> None:
    """All of the batch is refused, and nothing of it is written."""
    task = await kit.open()
    mine = (await kit.grant(task)).lease
    others = {
        "another task's": (await kit.grant(await kit.open())).lease,
        "nobody's": kit.ids.lease(task.id),
        "its child's": (await kit.grant(await kit.open(task))).lease,
    }

    with pytest.raises(InvalidRequestError) as refused:
        await note(kit, said, task, use(mine), use(), use(others[whose]))

    assert refused.value.field == "uses[2].credential"
    assert await events(kit, task) == []
    assert await counted(kit, mine) == [None]


@ONE
async def test_an_ended_task_hears_no_more_and_a_frozen_one_does(
    kit: LedgerKit, said: SaidLedger
) -> None:
    """What is said while it is frozen was done before."""
    task = await kit.open()
    lease = (await kit.grant(task)).lease
    freezes = FreezeLedger(kit.link, kit.keys, kit.ids, kit.limits)
    await freezes.freeze(task.path, by="broker", reason="x")
    await note(kit, said, task, use(lease))
    await kit.close(task)

    with pytest.raises(TaskClosedError):
        await note(kit, said, task, use(lease))

    assert len(await events(kit, task)) == 1


@ONE
async def test_a_task_says_so_much_in_a_minute(kit: LedgerKit, said: SaidLedger) -> None:
    """Beyond that it is told when it may again; a repeat needs no room."""
    task = await kit.open()
    for number in range(PER_MINUTE):
        await note(kit, said, task, use(), key=f"{number:02x}" * 32)

    with pytest.raises(SlowDownError) as slow:
        await note(kit, said, task, use(), key=KEY)
    await note(kit, said, task, use(), key=f"{PER_MINUTE - 1:02x}" * 32)

    assert 0 < slow.value.retry_after_ms <= MINUTE
    assert len(await events(kit, task)) == PER_MINUTE


@ONE
async def test_kinds_beyond_what_is_kept_are_counted_together(
    kit: LedgerKit, said: SaidLedger
) -> None:
    """Whatever hosts somebody thinks of, a task's record has an end; what is known goes on."""
    task = await kit.open()
    for batch in range(3):
        names = [f"host-{batch * 32 + number}" for number in range(32)]
        await note(kit, said, task, *(use(host=name, times=1) for name in names))
    await note(kit, said, task, use(host="host-0", times=1))

    shown = await said.of_task(task.id)

    assert len(shown.uses) == MOST_KINDS
    assert (shown.others, shown.uses[0].kind.host, shown.uses[0].times) == (32, "host-0", 2)


@ONE
async def test_what_was_said_is_kept_as_long_as_the_task(kit: LedgerKit, said: SaidLedger) -> None:
    """It goes with it, and by itself at the latest."""
    task = await kit.open()
    lease = (await kit.grant(task)).lease
    await note(kit, said, task, use(lease))
    key = kit.keys.of(task.id).said(task.id)
    left_ms = await kit.link.read("PTTL", key)

    await kit.close(task)
    await kit.tree.forget(task)

    assert 0 < left_ms <= task.max_deadline_ms + kit.limits.retention_ms
    assert await kit.link.read("EXISTS", key) == 0
    assert (await said.of_task(task.id)).uses == ()


@ONE
async def test_nothing_is_taken_while_the_outbox_is_full(link: Link) -> None:
    """What nobody could be told of is not said."""
    kit = LedgerKit(link, limits=Limits(outbox=1))
    said = SaidLedger(link, kit.keys, kit.ids, kit.limits)
    task = await kit.open()

    with pytest.raises(UnavailableError):
        await note(kit, said, task, use())

    assert (await said.of_task(task.id)).uses == ()


@ONE
@pytest.mark.parametrize("kind", ["n:[", 'n:{"outcome":"answered"}', "at"])
async def test_garbage_is_no_record(kit: LedgerKit, said: SaidLedger, kind: str) -> None:
    """It is said, not guessed."""
    task = await kit.open()
    await kit.link.read("HSET", kit.keys.of(task.id).said(task.id), kind, "garbage")

    with pytest.raises(UnreadableRecordError):
        await said.of_task(task.id)
