"""Credentials that are refused by a list: a task's end refuses its own, whatever the list does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cast import AGENT
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_kind import enter
from tests.fakes.toy_list import EMPTY, ListTarget
from tests.fakes.toy_world import ToyWorld, open_toy_world, toys
from tests.fakes.world_config import Template

ONE, TWO = toys("yard-1"), toys("yard-2")
PROBED = {"template": {"probe": True}}


@pytest.fixture
def targets() -> Iterator[list[ListTarget]]:
    """Two toy targets with lists."""
    with ListTarget("toy-1") as one, ListTarget("toy-2") as two:
        yield [one, two]


@pytest.fixture
async def lists_world(  # noqa: PLR0917 - fixtures
    request: pytest.FixtureRequest,
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    targets: list[ListTarget],
) -> AsyncIterator[ToyWorld]:
    """One broker with both; ``parametrize`` it with what their capabilities say besides."""
    more: dict[str, Any] = getattr(request, "param", {})
    world = open_toy_world(
        single, template, signer, tmp_path, targets, kind="toylist", capability=more
    )
    async with world as opened:
        yield opened


def look_again(world: ToyWorld) -> None:
    """Let it be long ago that anybody looked after a list."""
    for key in world.single.ask("KEYS", "*{k:*meta"):
        world.single.ask("HSET", key, "looked", "0", "held", "0")


async def test_a_killed_task_leaves_the_other_alive(
    lists_world: ToyWorld, targets: list[ListTarget]
) -> None:
    """Its receipt says accepted, and stays there: nobody has tried."""
    world, (target, _) = lists_world, targets
    task, other = await world.toy_task("yard-1"), await world.toy_task("yard-1")
    issued, kept = await world.issue(task, **ONE), await world.issue(other, **ONE)
    opened, living = (enter(target, each["secret"]) for each in (issued, kept))

    await world.end(task)
    receipt = await world.until(task, issued["id"], "accepted")

    assert opened is not None
    assert living is not None
    assert (opened.is_open(), living.is_open()) == (False, True)
    assert enter(target, issued["secret"]) is None
    assert target.entries() == {task}
    assert receipt["settled_at"] is None
    assert receipt["attempts"] == 1


async def test_one_given_back_leaves_its_task_s_others_alive(
    lists_world: ToyWorld, targets: list[ListTarget]
) -> None:
    """Only the end of a task is an entry for the whole of it."""
    world, (target, _) = lists_world, targets
    task = await world.toy_task("yard-1")
    issued, kept = await world.issue(task, **ONE), await world.issue(task, **ONE)

    await world.call(AGENT, "DELETE", f"/v1/credentials/{issued['id']}")
    await world.until(task, issued["id"], "accepted")

    assert enter(target, issued["secret"]) is None
    assert enter(target, kept["secret"]) is not None


@pytest.mark.parametrize("lists_world", [PROBED], indirect=True)
async def test_a_refused_probe_confirms(lists_world: ToyWorld, targets: list[ListTarget]) -> None:
    """And one that would be refused anyway says nothing."""
    world, (target, other) = lists_world, targets
    task = await world.toy_task("yard-1", "yard-2")
    issued, blind = await world.issue(task, **ONE), await world.issue(task, **TWO)
    other.documents["main"] = {"entries": [], "before": 10**14, "mark": ""}

    await world.end(task)
    receipt = await world.until(task, issued["id"], "confirmed")
    waiting = await world.until(task, blind["id"], "accepted")

    assert receipt["settled_at"] is not None
    assert waiting["next_attempt_at"] is not None
    assert "try" in target.asked


async def test_tasks_that_end_at_once_are_few_writes(
    lists_world: ToyWorld, targets: list[ListTarget]
) -> None:
    """While one write is under way, all others wait for the next."""
    world, (target, _) = lists_world, targets
    tasks = [await world.toy_task("yard-1") for _ in range(12)]
    issued = [await world.issue(task, **ONE) for task in tasks]
    target.freeze("put")

    await asyncio.gather(*map(world.end, tasks))

    async def is_writing() -> bool:
        return "put" in target.asked

    await eventually_true(is_writing, "a write")
    target.thaw()
    for task, each in zip(tasks, issued, strict=True):
        await world.until(task, each["id"], "accepted")

    assert target.entries() == set(tasks)
    assert target.asked.count("put") < len(tasks) / 2


@pytest.mark.parametrize("how", ["losing", "stale"])
async def test_a_lying_list_is_not_believed(
    lists_world: ToyWorld, targets: list[ListTarget], how: str
) -> None:
    """A write that was acknowledged counts only when the list shows it."""
    world, (target, _) = lists_world, targets
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE)
    target.is_losing_writes, target.is_stale = how == "losing", how == "stale"

    await world.end(task)
    waiting = await world.until(task, issued["id"], "pending")
    target.is_losing_writes = target.is_stale = False
    await world.until(task, issued["id"], "accepted")

    assert "not-kept" in waiting["detail"]
    assert target.entries() == {task}


@pytest.mark.parametrize("how", ["deleted", "emptied", "added"])
async def test_what_a_hand_has_changed_is_mended(
    lists_world: ToyWorld, targets: list[ListTarget], how: str
) -> None:
    """By the next look, without anybody's asking."""
    world, (target, _) = lists_world, targets
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE)
    await world.end(task)
    await world.until(task, issued["id"], "accepted")
    document = target.documents["main"]

    if how == "deleted":
        del target.documents["main"]
    else:
        entries = [] if how == "emptied" else ["t_00_somebody", *document["entries"]]
        target.documents["main"] = {**document, "entries": entries}
    look_again(world)

    async def is_mended() -> bool:
        return target.documents.get("main", EMPTY)["entries"] == [task]

    await eventually_true(is_mended, "the list as it must be")
    assert target.refuses(issued["secret"]["username"])


async def test_what_a_lost_ledger_knew_is_taken_over(
    lists_world: ToyWorld, targets: list[ListTarget]
) -> None:
    """A document that bears another ledger's mark names sessions that may live: they stay dead."""
    world, (target, _) = lists_world, targets
    target.documents["main"] = {"entries": ["t_00_former"], "before": 1, "mark": "formerr7"}
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE)

    await world.end(task)
    await world.until(task, issued["id"], "accepted")

    assert target.entries() == {task, "t_00_former"}
    assert target.documents["main"]["before"] == 1
    assert not target.documents["main"]["mark"].startswith("former")


async def test_a_hanging_list_delays_no_other_target(
    lists_world: ToyWorld, targets: list[ListTarget]
) -> None:
    """Its own wait, and are written once it answers."""
    world, (target, _) = lists_world, targets
    task = await world.toy_task("yard-1", "yard-2")
    issued, other = await world.issue(task, **ONE), await world.issue(task, **TWO)
    target.freeze("get", "put")

    await world.end(task)
    await world.until(task, other["id"], "accepted")
    waiting = await world.until(task, issued["id"], "pending")
    target.thaw()
    await world.until(task, issued["id"], "accepted")

    assert "late" in waiting["detail"]


async def test_a_task_killed_while_its_mint_is_under_way_has_no_living_session(
    lists_world: ToyWorld, targets: list[ListTarget]
) -> None:
    """Its name is known before: it is refused when it comes to life."""
    world, (target, _) = lists_world, targets
    task = await world.toy_task("yard-1")
    target.freeze("mint")
    asking = asyncio.create_task(world.ask(task, **ONE))

    async def is_minting() -> bool:
        return "mint" in target.asked

    await eventually_true(is_minting, "a mint under way")
    await world.end(task)

    async def is_listed() -> bool:
        return bool(target.entries())

    await eventually_true(is_listed, "an entry")
    target.thaw()
    answer = await asking

    assert answer.status != 201
    assert all(target.refuses(name) for name in target.names)


async def test_a_repeat_has_the_first_refused(
    lists_world: ToyWorld, targets: list[ListTarget]
) -> None:
    """Where nobody can try, the list's own word is enough (I10)."""
    world, (target, _) = lists_world, targets
    task = await world.toy_task("yard-1")

    first = await world.issue(task, key="k", **ONE)
    second = await world.issue(task, key="k", **ONE)

    assert enter(target, first["secret"]) is None
    assert enter(target, second["secret"]) is not None


async def test_a_full_list_is_cut_off_and_the_collateral_ends_first(
    lists_world: ToyWorld, targets: list[ListTarget]
) -> None:
    """Who lives and is hit has ended in the ledger, says so, and gets another one."""
    world, (target, _) = lists_world, targets
    target.room = 3
    other = await world.toy_task("yard-1")
    kept = await world.issue(other, **ONE)
    tasks = [await world.toy_task("yard-1") for _ in range(4)]
    issued = [await world.issue(task, **ONE) for task in tasks]

    for task, each in zip(tasks, issued, strict=True):
        await world.end(task)
        await world.until(task, each["id"], "accepted")
    held = await world.ask(other, **ONE)
    shown = await world.get(AGENT, f"/v1/credentials/{kept['id']}")
    receipt = await world.until(other, kept["id"], "accepted")
    target.documents["main"]["before"] = _now_ms(world)  # as if time had passed
    look_again(world)
    again = await world.issue(other, **ONE)

    assert all(target.refuses(each["secret"]["username"]) for each in (*issued, kept))
    assert target.documents["main"]["entries"] == []
    assert shown["ended_by"] == "collateral"
    assert "cut off" in receipt["detail"]
    assert (held.status, held.code) == (502, "issuance-failed")
    assert enter(target, again["secret"]) is not None


def _now_ms(world: ToyWorld) -> int:
    seconds, micros = world.single.ask("TIME")
    return int(seconds) * 1000 + int(micros) // 1000
