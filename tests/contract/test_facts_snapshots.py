"""Snapshots of the facts: whoever begins late has the same as whoever read every revision."""

import asyncio

import pytest

from broker.errors import NotFoundError, UnreadableRecordError
from broker.facts.change import encode_changes
from broker.facts.facts import Facts
from broker.store import facts_log, facts_snapshots
from broker.store.facts_entry import START
from broker.store.link import Link
from tests.fakes.facts_kit import FactsKit, concerns, hold, put_dataset, put_ticket, ticket


@pytest.fixture
def kit(link: Link, monkeypatch: pytest.MonkeyPatch) -> FactsKit:
    """An empty log; three changes make a piece."""
    monkeypatch.setattr(facts_snapshots, "PIECE", 3)
    return FactsKit(link)


def written(facts: Facts) -> list[str]:
    """What facts are, whatever their order."""
    return sorted(encode_changes([each]).decode() for each in facts.changes())


async def snap(kit: FactsKit) -> bool:
    """Write a snapshot of what is there."""
    loaded = await kit.snapshots.load()
    return await kit.snapshots.write(loaded.facts, loaded.end, loaded.head)


async def test_what_is_loaded_is_what_every_revision_made(kit: FactsKit) -> None:
    """From nothing, from a snapshot, and from a snapshot and what came after it."""
    await kit.filled(5)
    await kit.append(put_dataset("orders"), concerns("T-1", "orders"), hold("T-2"))
    from_log = await kit.snapshots.load()

    assert await snap(kit)
    from_snapshot = await kit.snapshots.load()
    end = (await kit.append(put_ticket("T-6"))).position
    from_both = await kit.snapshots.load()

    assert written(from_snapshot.facts) == written(from_log.facts)
    assert from_snapshot.end == from_log.end
    assert from_snapshot.facts.revision == 6
    assert from_both.end == end
    assert len(written(from_both.facts)) == len(written(from_log.facts)) + 1
    assert from_both.facts.hold(ticket("T-2")) is not None


async def test_nothing_can_be_loaded_too(kit: FactsKit) -> None:
    """A ledger without facts, and one whose facts were all dropped."""
    assert (await kit.snapshots.load()).end == START

    await kit.log.append([put_ticket("T-1")], base=START)
    assert await snap(kit)

    assert (await kit.snapshots.load()).facts.revision == 1


@pytest.mark.parametrize("how", ["piece-gone", "piece-changed", "all-gone", "sum-changed"])
async def test_a_damaged_snapshot_is_told_and_never_loaded_in_part(kit: FactsKit, how: str) -> None:
    """Who has half of the facts would grant by them."""
    await kit.filled(7)
    await snap(kit)
    head = await kit.log.head()
    key = kit.keys.facts.snapshot(head.name)
    other = str(await kit.link.read("HGET", key, "1")).replace("T-", "U-")
    spoil = {
        "piece-gone": ("HDEL", key, "1"),
        "piece-changed": ("HSET", key, "1", other),
        "all-gone": ("DEL", key),
        "sum-changed": ("HSET", kit.keys.facts.head, "snapshot_sum", "0" * 64),
    }

    await kit.link.read(*spoil[how])

    with pytest.raises(UnreadableRecordError):
        await kit.snapshots.load()


async def test_a_gap_after_the_snapshot_is_told(kit: FactsKit) -> None:
    """The revisions between it and the end are all there, or nothing is loaded."""
    await kit.filled(3)
    await snap(kit)
    await kit.filled_on(3)
    await kit.link.read("XDEL", kit.keys.facts.log, "5-0")

    with pytest.raises(UnreadableRecordError):
        await kit.snapshots.load()


async def test_one_broker_at_a_time_writes_and_none_puts_an_older_one_in_force(
    kit: FactsKit,
) -> None:
    """Who was too slow changes nothing."""
    await kit.filled(4)
    loaded = await kit.snapshots.load()

    done = await asyncio.gather(
        *(kit.snapshots.write(loaded.facts, loaded.end, loaded.head) for _ in range(4))
    )
    late = await kit.snapshots.write(loaded.facts, loaded.end, loaded.head)

    assert sorted(done) == [False, False, False, True]
    assert not late
    assert (await kit.log.head()).snapshot == loaded.end


async def test_a_writer_that_dies_holds_nobody_up_for_long(
    kit: FactsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its turn ends, and its pieces expire."""
    await kit.filled(2)
    loaded = await kit.snapshots.load()
    monkeypatch.setattr(facts_snapshots, "TURN_MS", 1)

    def dies(facts: Facts) -> list[str]:
        raise RuntimeError(f"killed at revision {facts.revision}")

    with monkeypatch.context() as death:
        death.setattr(facts_snapshots, "_pieces", dies)
        with pytest.raises(RuntimeError):
            await kit.snapshots.write(loaded.facts, loaded.end, loaded.head)
    await asyncio.sleep(0.01)

    assert await kit.snapshots.write(loaded.facts, loaded.end, loaded.head)


async def test_the_former_snapshot_stays_for_whoever_is_reading_it(kit: FactsKit) -> None:
    """For some minutes, and no longer."""
    await kit.filled(2)
    await snap(kit)
    former = (await kit.log.head()).name
    await kit.filled_on(2)
    await snap(kit)

    left_ms = await kit.link.read("PTTL", kit.keys.facts.snapshot(former))
    newest = (await kit.log.head()).name

    assert 0 < left_ms <= facts_log.STAGED_MS
    assert await kit.link.read("PTTL", kit.keys.facts.snapshot(newest)) == -1


async def test_a_snapshot_is_due_when_the_tail_is_long(
    kit: FactsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By how many revisions, or by how much they say."""
    await kit.filled(4)
    head = await kit.log.head()
    assert not kit.snapshots.is_due(head)

    monkeypatch.setattr(facts_snapshots, "LONGEST_TAIL", 4)
    assert kit.snapshots.is_due(head)
    monkeypatch.setattr(facts_snapshots, "LONGEST_TAIL", 1000)
    monkeypatch.setattr(facts_snapshots, "SMALL", 100)
    assert kit.snapshots.is_due(head)

    await snap(kit)
    assert not kit.snapshots.is_due(await kit.log.head())


async def test_the_newest_revisions_stay_in_the_history(
    kit: FactsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many came before; and nothing goes that is in no snapshot."""
    monkeypatch.setattr(facts_snapshots, "KEPT", 5)
    await kit.filled(30)
    await kit.snapshots.tidy()
    assert len(await kit.log.history(limit=99)) == 30

    await snap(kit)
    await kit.filled_on(2)
    await kit.snapshots.tidy()

    kept = [note.revision for note in await kit.log.history(limit=99)]
    assert kept == [32, 31, 30, 29, 28]
    assert (await kit.snapshots.load()).facts.revision == 32
    with pytest.raises(NotFoundError):
        await kit.log.since(20)
    assert [entry.revision for entry in await kit.log.since(28)] == [29, 30, 31, 32]


async def test_large_revisions_stay_as_far_as_there_is_room(
    kit: FactsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest ones; of others the history still tells who made them and why."""
    monkeypatch.setattr(facts_log, "INLINE", 10)
    await kit.filled(6)
    size = (await kit.log.note(6)).size
    monkeypatch.setattr(facts_snapshots, "KEPT_BODIES", 2 * size + 1)
    await kit.snapshots.tidy()
    assert await kit.link.read("ZCARD", kit.keys.facts.bodies) == 6

    await snap(kit)
    await kit.snapshots.tidy()

    assert await kit.link.read("ZCARD", kit.keys.facts.bodies) == 2
    assert (await kit.log.note(2)).reason == "a test"
    assert (await kit.log.entry(6)).parts == (put_ticket("T-6"),)
    with pytest.raises(UnreadableRecordError):
        await kit.log.entry(2)
    assert (await kit.snapshots.load()).facts.revision == 6
