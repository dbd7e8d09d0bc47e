"""The facts log: dense revisions, each following from the one that it was made from."""

import asyncio
import hashlib
import json
from contextlib import suppress
from itertools import pairwise

import pytest

from broker.errors import (
    NotFoundError,
    StoreUnavailableError,
    SupersededError,
    UnreadableRecordError,
)
from broker.idempotency import Repeatable
from broker.model.fact import ThingKind
from broker.store import facts_log
from broker.store.facts_entry import START, Position, Written
from broker.store.facts_rows import BehindError
from broker.store.link import Link
from tests.contract.test_ledger_crash_safety import Spoiling
from tests.fakes.facts_kit import FactsKit, concerns, put_dataset, put_ticket, ticket


@pytest.fixture
def kit(link: Link) -> FactsKit:
    """An empty log."""
    return FactsKit(link)


async def test_an_empty_log_is_at_revision_0(kit: FactsKit) -> None:
    """And has nothing to follow."""
    head, found = await kit.log.after(START)

    assert head.end == START
    assert found == []
    assert await kit.log.history() == []


async def test_revisions_are_dense_and_each_follows_from_the_one_before(kit: FactsKit) -> None:
    """Whoever follows them ends where the log ends."""
    first = await kit.append(put_ticket("T-1"))
    second = await kit.append(put_dataset("orders"), concerns("T-1", "orders"))

    head, found = await kit.log.after(START)

    assert [entry.revision for entry in found] == [1, 2]
    assert [entry.parts for entry in found] == [first.parts, second.parts]
    assert head.end == found[-1].position == second.position
    assert [len(entry.change.changes) for entry in found] == [1, 2]
    assert (await kit.log.head()) == head


async def test_what_was_made_from_an_older_revision_is_refused(kit: FactsKit) -> None:
    """It was checked against what is no more."""
    await kit.append(put_ticket("T-1"))

    with pytest.raises(SupersededError, match="revision 1"):
        await kit.log.append([put_ticket("T-2")], base=START)
    with pytest.raises(SupersededError):
        await kit.log.append([put_ticket("T-2")], base=Position(1, "another history"))

    assert (await kit.log.head()).revision == 1


async def test_of_many_at_once_each_has_its_own_revision(kit: FactsKit) -> None:
    """However they overtake each other, none is lost."""

    async def until_appended(number: int) -> None:
        while True:
            try:
                await kit.append(put_ticket(f"T-{number}"))
            except SupersededError:
                continue
            return

    await asyncio.gather(*(until_appended(number) for number in range(12)))

    _, found = await kit.log.after(START)
    assert [entry.revision for entry in found] == list(range(1, 13))
    facts = await kit.loaded()
    assert all(facts.thing(ticket(f"T-{number}")) for number in range(12))


async def test_a_repeated_append_has_the_effect_of_one(kit: FactsKit) -> None:
    """Its answer was lost, and others went on meanwhile."""
    operation = kit.log.operation()
    first = await kit.log.append([put_ticket("T-1")], base=START, operation=operation)
    await kit.append(put_ticket("T-2"))

    again = await kit.log.append([put_ticket("T-1")], base=START, operation=operation)

    assert again == first
    assert (await kit.log.head()).revision == 2
    assert len(await kit.events()) == 2


async def test_a_change_tells_of_itself_in_the_same_breath(kit: FactsKit) -> None:
    """Who, why, how much, and the first names: one event for each caller."""
    many = put_ticket(*(f"T-{number}" for number in range(30)), by="operator:bob")
    await kit.append(put_dataset("orders"), many)

    one, two = await kit.events()

    assert one["type"] == two["type"] == "facts.changed"
    assert (one["tenant"], one["feed"]) == ("acme", "")
    first, second = json.loads(one["detail"]), json.loads(two["detail"])
    assert first["names"] == ["acme dataset:orders"]
    assert (first["revision"], second["revision"]) == (1, 1)
    assert (second["by"], second["reason"], second["counts"]) == (
        "operator:bob",
        "a test",
        {"put": 30},
    )
    assert len(second["names"]) == 20


async def test_the_history_tells_who_and_why_without_the_changes(kit: FactsKit) -> None:
    """Newest first, page by page."""
    await kit.filled(5)

    newest = await kit.log.history(limit=2)
    older = await kit.log.history(before=newest[-1].revision, limit=9)

    assert [note.revision for note in [*newest, *older]] == [5, 4, 3, 2, 1]
    assert newest[0].by == "operator:alice"
    assert newest[0].said[0].names == ("acme ticket:T-5",)
    assert (await kit.log.entry(3)).parts == (put_ticket("T-3"),)
    assert (await kit.log.entry(1)).parts == (put_ticket("T-1"),)
    assert [entry.revision for entry in await kit.log.since(3)] == [4, 5]
    with pytest.raises(NotFoundError):
        await kit.log.entry(6)
    with pytest.raises(NotFoundError):
        await kit.log.since(6)


async def test_a_large_change_is_staged_and_then_put_in_force_at_once(
    kit: FactsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pieces lie beside the log; what is read is the whole."""
    monkeypatch.setattr(facts_log, "INLINE", 500)
    monkeypatch.setattr(facts_log, "PIECE", 300)
    large = put_ticket(*(f"T-{number}" for number in range(100)))

    await kit.append(large)
    await kit.append(put_ticket("T-1000"))

    _, found = await kit.log.after(START)
    assert found[0].parts == (large,)
    (member,) = await kit.link.read("ZRANGE", kit.keys.facts.bodies, 0, -1)
    body = kit.keys.facts.body(member.partition(" ")[0])
    assert int(await kit.link.read("HLEN", body)) > 10
    assert await kit.link.read("PTTL", body) == -1


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is too large for the log itself."""
    monkeypatch.setattr(facts_log, "INLINE", 10)
    monkeypatch.setattr(facts_log, "PIECE", 40)


async def bodies(kit: FactsKit) -> dict[str, int]:
    """Return the bodies that are there, and for how long (ms; -1: without end)."""
    names = await kit.link.read("KEYS", kit.keys.facts.body("*").replace("{", "?"))
    return {name: await kit.link.read("PTTL", name) for name in names}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_pieces_that_nobody_puts_in_force_expire(kit: FactsKit) -> None:
    """Whoever is overtaken again and again stages them once."""
    await kit.append(put_ticket("T-1"))

    for _ in range(3):
        with pytest.raises(SupersededError):
            await kit.log.append([put_ticket("T-2")], base=START)

    assert len(await bodies(kit)) == 2
    left = sorted((await bodies(kit)).values())
    assert left[0] == -1
    assert 0 < left[1] <= facts_log.STAGED_MS


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_what_is_in_force_does_not_expire_when_it_is_said_again(kit: FactsKit) -> None:
    """The same text is the same body, of both revisions."""
    await kit.append(put_ticket("T-1"))

    with pytest.raises(SupersededError):
        await kit.log.append([put_ticket("T-1")], base=START)
    assert list((await bodies(kit)).values()) == [-1]
    await kit.append(put_ticket("T-1"))

    assert list((await bodies(kit)).values()) == [-1]
    assert [entry.parts for entry in await kit.log.since(0)] == [(put_ticket("T-1"),)] * 2


@pytest.mark.usefixtures("small")
async def test_a_change_whose_pieces_are_not_all_there_is_not_appended(kit: FactsKit) -> None:
    """A part of a change is no change."""
    text = Written.of([put_ticket("T-1")], START, 1).text
    body = kit.keys.facts.body(hashlib.sha256(text.encode()).hexdigest())
    await kit.link.read("HSET", body, "99", "of somebody else")
    await kit.link.read("PEXPIRE", body, 60_000)

    with pytest.raises(StoreUnavailableError, match="lost before it was complete"):
        await kit.log.append([put_ticket("T-1")], base=START)

    assert (await kit.log.head()).end == START
    assert await kit.events() == []


@pytest.mark.parametrize("place", range(9))
@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_an_append_that_fails_halfway_can_be_repeated(kit: FactsKit, place: int) -> None:
    """A key is not what it must be: nothing is told of, and nothing is in the log (M11)."""
    spoiling = Spoiling(kit.link, "facts_append", place)
    log = facts_log.FactsLog(spoiling, kit.keys, kit.ids, gap_ms=0)  # type: ignore[arg-type]
    same, operation = Repeatable("key", "digest"), log.operation()
    await kit.append(put_ticket("T-1"))
    base = (await kit.log.head()).end
    parts = [put_ticket("T-2")]

    with suppress(StoreUnavailableError):
        await log.append(parts, base=base, operation=operation, keys=[same])
    await spoiling.mend()
    entry = await log.append(parts, base=base, operation=operation, keys=[same])

    assert entry.revision == 2
    assert [note.revision for note in await kit.log.history()] == [2, 1]
    assert len(await kit.events()) == 2
    assert (await kit.log.since(1))[0].parts == tuple(parts)


async def test_settling_raises_the_floor_of_every_bucket(kit: FactsKit) -> None:
    """Only then is a change acknowledged."""
    entry = await kit.append(put_ticket("T-1"))
    assert set(await kit.graph_floors()) == {None}

    await kit.log.settle(entry.revision)

    assert await kit.graph_floors() == ["1"] * 4
    assert await kit.log.asked_for() == 1


async def test_revisions_come_only_so_often(link: Link) -> None:
    """However many there are who change facts."""
    kit = FactsKit(link, gap_ms=100)

    entries = [await kit.append(put_ticket(f"T-{number}")) for number in range(3)]

    gaps = [b.at_ms - a.at_ms for a, b in pairwise(entries)]
    assert min(gaps) >= 100


async def test_whoever_is_overtaken_again_and_again_gets_a_rest_that_ends(
    kit: FactsKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No revision comes meanwhile; but it cannot be asked for without end."""
    monkeypatch.setattr(facts_log, "REST_MS", 60_000)
    monkeypatch.setattr(facts_log, "MOST_REST_MS", 300)
    first = await kit.append(put_ticket("T-1"))
    await kit.log.rest()

    second = await kit.append(put_ticket("T-2"))

    assert 300 <= second.at_ms - first.at_ms < 60_000


@pytest.mark.parametrize("field", ["text", "said", "digest", "prev", "pieces", "at"])
async def test_a_revision_that_somebody_wrote_into_is_told(kit: FactsKit, field: str) -> None:
    """Nothing is passed over, and nothing is guessed."""
    end = (await kit.append(put_ticket("T-1"))).position
    await kit.append(put_ticket("T-2"))
    (name, flat), *_ = await kit.link.read("XRANGE", kit.keys.facts.log, "2-0", "2-0")
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    fields[field] = "x" if field in ("prev", "pieces", "at") else fields[field].replace("a", "b")
    await kit.link.read("DEL", kit.keys.facts.log)
    await kit.link.read("XADD", kit.keys.facts.log, name, *(w for p in fields.items() for w in p))

    with pytest.raises(UnreadableRecordError):
        await kit.log.after(end)


async def test_a_revision_that_is_missing_is_told(kit: FactsKit) -> None:
    """In the middle, and at the end."""
    await kit.filled(3)
    await kit.link.read("XDEL", kit.keys.facts.log, "2-0")
    _, found = await kit.log.after(START, 1)

    with pytest.raises(BehindError):
        await kit.log.after(found[0].position)
    await kit.link.read("XDEL", kit.keys.facts.log, "3-0")
    with pytest.raises(UnreadableRecordError, match="ends at revision 3"):
        await kit.log.after(found[0].position)


async def test_a_log_that_went_back_is_told_from_one_that_went_on(kit: FactsKit) -> None:
    """By its end, and by what it says of a revision that was read before."""
    second = await kit.filled(2)
    third = (await kit.append(put_ticket("T-3"))).position
    assert not await kit.log.has_left(second)
    assert not await kit.log.has_left(third)

    await kit.link.read("XDEL", kit.keys.facts.log, "3-0")
    await kit.link.read("HSET", kit.keys.facts.head, "revision", 2, "digest", second.digest)

    assert await kit.log.has_left(third)
    assert not await kit.log.has_left(second)
    with pytest.raises(UnreadableRecordError):
        await kit.log.after(third)


async def test_another_history_of_the_same_length_is_told(kit: FactsKit) -> None:
    """The digest covers all that came before."""
    await kit.append(put_ticket("T-1"))
    end = (await kit.append(put_ticket("T-2"))).position
    for key in (kit.keys.facts.log, kit.keys.facts.head):
        await kit.link.read("DEL", key)

    await kit.append(put_ticket("T-9"))
    await kit.append(put_ticket("T-2"))
    await kit.append(put_ticket("T-3"))

    assert await kit.log.has_left(end)
    with pytest.raises(UnreadableRecordError):
        await kit.log.after(end)


async def test_a_log_that_went_back_goes_on_beyond_all_that_was_asked_for(kit: FactsKit) -> None:
    """So that no number means two things; and what was read before is known to have been left."""
    end = await kit.filled(1)
    await kit.log.settle(40)

    entry = await kit.log.restart("operator:alice", "restored")

    assert entry is not None
    assert entry.revision == 40 + facts_log.JUMP
    assert await kit.graph_floors() == [str(entry.revision)] * 4
    _, found = await kit.log.after(end)
    assert [each.restarts for each in found] == [True]
    assert not await kit.log.has_left(Position(40, "of the history that was lost"))
    facts = await kit.loaded()
    assert facts.revision == entry.revision
    assert [thing.name for thing in facts.things() if thing.kind is ThingKind.TICKET] == ["T-1"]


async def test_a_log_that_never_began_is_not_restarted(kit: FactsKit) -> None:
    """A ledger without facts goes on without them."""
    assert await kit.log.restart("operator:alice", "restored") is None
    assert (await kit.log.head()).end == START
