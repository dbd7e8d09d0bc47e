"""Two floors in each bucket: of the bundle and of the facts log; both hold for all that gives."""

from collections.abc import Sequence

import pytest

from broker.errors import StaleFactsError, StoreUnavailableError, UnreadableRecordError
from broker.model.lease import LeaseState
from broker.store.due_queue import Work
from broker.store.floors import FACTS, GRAPH, REDECIDE, Floors
from broker.store.link import Link, Reply, Script, Value
from broker.store.redo_ledger import HIDE_MS, Marks, RedoLedger
from broker.store.task_ledger import Extension
from tests.fakes.ledger_kit import MINUTE
from tests.fakes.target_ledger_kit import TargetKit


@pytest.fixture
def kit(link: Link) -> TargetKit:
    """A ledger."""
    return TargetKit(link)


@pytest.fixture
def floors(kit: TargetKit) -> Floors:
    """Its floors."""
    return Floors(kit.link, kit.keys, kit.ids)


async def claimed(kit: TargetKit, bucket: int, *, hide_ms: int = MINUTE) -> list[Work]:
    """Claim what is due in a bucket."""
    return await kit.due.claim(bucket, limit=9, hide_ms=hide_ms)


async def test_each_way_to_give_a_credential_is_refused_on_an_older_revision_of_the_log(
    kit: TargetKit, floors: Floors
) -> None:
    """The bundle's revision alone is not enough (I15)."""
    task = await kit.open()
    held = await kit.leases.view((await kit.grant(task)).lease)
    reserved = kit.new_lease(task, state=LeaseState.RESERVED)
    await kit.leases.grant(reserved)
    await floors.raise_all(GRAPH, 7)

    for graph in (0, 6):
        with pytest.raises(StaleFactsError):
            await kit.grant(task, graph=graph)
        with pytest.raises(StaleFactsError):
            await kit.leases.activate(reserved.spec, 0, graph)
        with pytest.raises(StaleFactsError):
            await kit.leases.renew(held, kit.renewal(graph=graph))
    await kit.leases.activate(reserved.spec, 0, 7)
    await kit.leases.renew(held, kit.renewal(graph=8))
    await kit.grant(task, graph=7)


async def test_tasks_are_opened_and_extended_on_the_newest_revision_of_the_log_only(
    kit: TargetKit, floors: Floors
) -> None:
    """As credentials are (I15)."""
    task = await kit.open()
    await floors.raise_all(GRAPH, 3)
    view = await kit.tasks.view(task.id)

    with pytest.raises(StaleFactsError):
        await kit.open(graph=2)
    with pytest.raises(StaleFactsError):
        await kit.open(task, graph=2)
    with pytest.raises(StaleFactsError):
        await kit.tasks.extend(view, Extension(MINUTE, 0, "x", graph=2))
    await kit.open(graph=3)
    await kit.open(task, graph=3)
    await kit.tasks.extend(view, Extension(MINUTE, 0, "x", graph=3))


async def test_nothing_is_prolonged_at_a_target_on_an_older_revision_of_the_log(
    kit: TargetKit, floors: Floors
) -> None:
    """And the lease stays as it was."""
    spec = await kit.active(await kit.open())
    before = await kit.leases.view(spec.id)
    await floors.raise_all(GRAPH, 1)

    with pytest.raises(StaleFactsError):
        await kit.prolong(spec)

    assert (await kit.leases.view(spec.id)).expires_at_ms == before.expires_at_ms
    await kit.prolong(spec, graph=1)


async def test_the_newest_of_one_plane_does_not_make_up_for_an_older_other(
    kit: TargetKit, floors: Floors
) -> None:
    """Each number is looked at for itself."""
    task = await kit.open()
    await floors.raise_all(FACTS, 2)
    await floors.raise_all(GRAPH, 2)

    for read in ({"facts": 1, "graph": 9}, {"facts": 9, "graph": 1}):
        with pytest.raises(StaleFactsError):
            await kit.grant(task, **read)
    await kit.grant(task, facts=2, graph=2)


@pytest.mark.parametrize("floor", [FACTS, GRAPH])
async def test_a_raised_floor_makes_looking_again_due_in_every_bucket(
    kit: TargetKit, floors: Floors, floor: str
) -> None:
    """In the same script: whoever raised it may die at once."""
    await floors.raise_all(floor, 1)

    for bucket in range(len(kit.keys.buckets)):
        assert [work.member for work in await claimed(kit, bucket)] == [REDECIDE]
    assert await floors.of_all(floor) == [1] * len(kit.keys.buckets)


async def test_a_floor_that_stands_makes_nothing_due_again(kit: TargetKit, floors: Floors) -> None:
    """Every broker raises it again, for whoever began may have died."""
    await floors.raise_all(GRAPH, 5)
    for bucket in range(len(kit.keys.buckets)):
        assert (await RedoLedger(kit.link, kit.keys).done(bucket, Marks(0, 5)))[0]

    await floors.raise_all(GRAPH, 5)
    await floors.raise_all(GRAPH, 4)

    assert await floors.of_all(GRAPH) == [5] * len(kit.keys.buckets)
    for bucket in range(len(kit.keys.buckets)):
        assert await claimed(kit, bucket) == []


async def test_what_is_raised_during_the_work_is_found_when_it_is_done(
    kit: TargetKit, floors: Floors
) -> None:
    """Whoever is at it may have read the floor before: it goes on, or somebody else does."""
    redo = RedoLedger(kit.link, kit.keys)
    await floors.raise_all(GRAPH, 1)
    (at_work,) = await claimed(kit, 2)

    await floors.raise_all(GRAPH, 2)

    assert at_work.member == REDECIDE
    assert await claimed(kit, 2) == []
    assert not (await redo.done(2, Marks(0, 1)))[0]
    assert (await redo.view(2))[:2] == (Marks(0, 2), Marks(0, 1))
    await kit.pass_time(kit.ids.revocation(2), HIDE_MS)
    assert [work.member for work in await claimed(kit, 2)] == [REDECIDE]
    assert (await redo.done(2, Marks(0, 2)))[0]
    await kit.pass_time(kit.ids.revocation(2), HIDE_MS)
    assert await claimed(kit, 2) == []


async def test_who_is_at_it_keeps_others_away(kit: TargetKit, floors: Floors) -> None:
    """As often as it says so; what nobody has to do is not made work by that."""
    redo = RedoLedger(kit.link, kit.keys)
    await redo.hold(1)
    assert await claimed(kit, 1) == []
    await floors.raise_all(FACTS, 1)
    for _ in range(3):
        await redo.hold(1)
        assert await claimed(kit, 1) == []
        await kit.pass_time(kit.ids.revocation(1), HIDE_MS // 2)

    await kit.pass_time(kit.ids.revocation(1), HIDE_MS)

    assert [work.member for work in await claimed(kit, 1)] == [REDECIDE]


async def test_marks_never_go_back(kit: TargetKit, floors: Floors) -> None:
    """Whoever was slower than the next has looked by older facts."""
    redo = RedoLedger(kit.link, kit.keys)
    await floors.raise_all(FACTS, 3)
    await redo.done(0, Marks(3, 0))

    await redo.done(0, Marks(2, 0))

    assert (await redo.view(0)).redone == Marks(3, 0)


async def test_since_when_a_bucket_waits_is_known_until_it_was_done(
    kit: TargetKit, floors: Floors
) -> None:
    """It is the first raise that counts, and after each answer the last one before it."""
    redo = RedoLedger(kit.link, kit.keys)
    assert set(await redo.waiting_since()) == {0}
    await floors.raise_all(FACTS, 1)
    first = await redo.waiting_since()
    await kit.pass_time(kit.ids.revocation(0), 5_000)
    await floors.raise_all(FACTS, 2)
    assert await redo.waiting_since() == first

    is_done, lag_ms = await redo.done(0, Marks(1, 0))
    after = (await redo.waiting_since())[0]

    assert not is_done
    assert lag_ms >= 5_000
    assert after >= first[0] + 5_000
    await redo.done(0, Marks(2, 0))
    assert (await redo.waiting_since())[0] == 0


async def test_other_floors_make_nothing_due(kit: TargetKit, floors: Floors) -> None:
    """Keys and evidence are no facts that a decision reads."""
    await floors.raise_all("keys", 1)
    await floors.raise_all("uses", 1)

    for bucket in range(len(kit.keys.buckets)):
        assert await claimed(kit, bucket) == []


class Lame:
    """A link to a cluster of which one bucket cannot be reached."""

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = prefix

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script, elsewhere."""
        if keys[0].startswith(self._prefix):
            raise StoreUnavailableError("gone")
        return await self._link.run(script, keys, args)


async def test_a_bucket_that_cannot_be_reached_is_told_and_keeps_no_other_waiting(
    kit: TargetKit, floors: Floors
) -> None:
    """What can be closed is closed; the rest is raised by the next who tries."""
    lame = Floors(Lame(kit.link, kit.keys.buckets[1].prefix), kit.keys, kit.ids)  # type: ignore[arg-type]

    with pytest.raises(StoreUnavailableError):
        await lame.raise_all(GRAPH, 4)

    assert await floors.of_all(GRAPH) == [4, 0, 4, 4]
    await floors.raise_all(GRAPH, 4)
    assert await floors.of_all(GRAPH) == [4, 4, 4, 4]


async def test_a_floor_that_is_no_number_is_told(kit: TargetKit, floors: Floors) -> None:
    """Somebody wrote into the ledger."""
    await kit.link.read("HSET", kit.keys.buckets[3].meta, GRAPH, "high")

    with pytest.raises(UnreadableRecordError):
        await floors.of_all(GRAPH)
