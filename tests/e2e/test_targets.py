"""Credentials at targets: they die there with what they were for, whatever the target does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_kind import enter
from tests.fakes.toy_target import ToyTarget
from tests.fakes.toy_world import ToyWorld, open_toy_world, toys
from tests.fakes.world_config import Template

ONE, TWO = toys("yard-1"), toys("yard-2")


@pytest.fixture
def targets() -> Iterator[list[ToyTarget]]:
    """Two toy targets."""
    with ToyTarget("toy-1") as one, ToyTarget("toy-2") as two:
        yield [one, two]


@pytest.fixture
async def toys_world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    targets: list[ToyTarget],
) -> AsyncIterator[ToyWorld]:
    """One broker with both."""
    async with open_toy_world(single, template, signer, tmp_path, targets) as world:
        yield world


async def test_one_task_end_kills_every_kind(
    toys_world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """A token and two credentials at two targets; another task's lives on."""
    world = toys_world
    task, other = await world.toy_task("yard-1", "yard-2"), await world.toy_task("yard-1")
    token = await world.issue(task)
    issued = [await world.issue(task, **ONE), await world.issue(task, **TWO)]
    kept = await world.issue(other, **ONE)
    opened = [enter(t, i["secret"]) for t, i in zip(targets, issued, strict=True)]
    report = await world.end(task)
    for credential in issued:
        await world.until(task, credential["id"], "confirmed")

    assert [each is not None and each.is_open() for each in opened] == [False, False]
    assert not await world.is_active(token["access_token"])
    assert enter(targets[0], kept["secret"]) is not None
    assert {r["credential"] for r in report["receipts"]} >= {each["id"] for each in issued}
    assert "access_token" not in issued[0]
    assert "secret" not in token


@pytest.mark.parametrize("how", ["give-back", "revoke", "agent", "cancel"])
async def test_every_way_to_end_it_reaches_its_target(
    toys_world: ToyWorld, targets: list[ToyTarget], how: str
) -> None:
    """By its holder, by an operator alone or among others, by its opener."""
    world = toys_world
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE)

    if how == "give-back":
        await world.call(AGENT, "DELETE", f"/v1/credentials/{issued['id']}")
    elif how == "revoke":
        await world.revoke(OPERATOR, credential=issued["id"])
    elif how == "agent":
        await world.revoke(OPERATOR, agent="invoice-bot")
    else:
        await world.post(ORCHESTRATOR, f"/v1/tasks/{task}/cancel")

    receipt = await world.until(task, issued["id"], "confirmed")
    assert targets[0].names == set()
    assert receipt["attempts"] == 1
    assert await world.told("lease.dead") == 1


async def test_a_target_that_is_down_is_asked_until_it_confirms(
    toys_world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """The report says why it waits, and when it goes on."""
    world = toys_world
    task = await world.toy_task("yard-1", "yard-2")
    issued, other = await world.issue(task, **ONE), await world.issue(task, **TWO)
    targets[0].freeze()
    await world.end(task)

    await world.until(task, other["id"], "confirmed")
    waiting = await world.until(task, issued["id"], "pending")
    targets[0].thaw()
    await world.until(task, issued["id"], "confirmed")

    assert "late" in waiting["detail"]
    assert waiting["tried_at"] >= waiting["revoked_at"]
    assert waiting["next_attempt_at"] > waiting["tried_at"]
    assert waiting["settled_at"] is None
    assert targets[0].names == set()


async def test_another_target_s_ignorance_confirms_nothing(
    toys_world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """Who answers there is not who was recorded: the credential may live."""
    world = toys_world
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE)
    targets[0].identity = "somebody else"
    await world.end(task)

    waiting = await world.until(task, issued["id"], "pending")
    targets[0].identity = "toy-1"
    await world.until(task, issued["id"], "confirmed")

    assert "other-target" in waiting["detail"]
    assert targets[0].names == set()


async def test_what_dies_of_age_at_a_dead_target_is_expired(
    toys_world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """Where the kind says that age ends all, waiting ends with it."""
    world = toys_world
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)
    targets[0].freeze()
    await world.end(task)
    await world.until(task, issued["id"], "pending")
    await world.pass_time(70)

    receipt = await world.until(task, issued["id"], "expired")

    assert receipt["settled_at"] is not None


async def test_being_overdue_alarms_and_ends_nothing(
    toys_world: ToyWorld, targets: list[ToyTarget], capsys: pytest.CaptureFixture[str]
) -> None:
    """A metric and the log say so, and killing goes on."""
    world = toys_world
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE)
    targets[0].identity = "somebody else"
    await world.end(task)
    await world.until(task, issued["id"], "pending")
    await world.pass_time(70)
    world.running[0].clock.shift_ms = 70_000
    said: list[str] = []

    async def is_told() -> bool:
        said.append(capsys.readouterr().out)
        body = (await world.get(None, "/metrics")).raw.decode()
        is_counted = "jit_kills_waiting 1.0" in body and "jit_kills_overdue 1.0" in body
        return is_counted and "revocation-overdue" in "".join(said)

    await eventually_true(is_told, "an alarm")
    targets[0].identity = "toy-1"
    await world.pass_time(40)  # longer than any pause
    await world.until(task, issued["id"], "confirmed")
    assert targets[0].names == set()


async def test_a_task_that_ends_while_its_credential_is_minted_gets_none(
    toys_world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """Whichever lands first, nothing is left alive (I4)."""
    world = toys_world
    task = await world.toy_task("yard-1")
    await world.issue(task, **ONE)
    asking = [asyncio.create_task(world.ask(task, **ONE)) for _ in range(4)]
    await world.end(task)
    answers = await asyncio.gather(*asking)

    async def is_empty() -> bool:
        return targets[0].names == set()

    await eventually_true(is_empty, "an empty target")
    assert {answer.status for answer in answers} <= {201, 409, 410, 502}


async def test_a_client_that_goes_leaves_nothing_behind(
    toys_world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """It is gone while its credential is made: the ledger knows of it, and it dies."""
    world = toys_world
    task = await world.toy_task("yard-1")
    targets[0].freeze("mint")
    asking = asyncio.create_task(world.ask(task, **ONE))

    async def is_minting() -> bool:
        return "mint" in targets[0].asked

    await eventually_true(is_minting, "a mint under way")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    (page,) = await world.pages(AGENT, f"/v1/tasks/{task}/credentials")
    (lease,) = page["credentials"]
    targets[0].thaw()
    await world.end(task)

    await world.until(task, lease["id"], "confirmed")
    assert targets[0].names == set()


async def test_a_hanging_target_refuses_its_own_only(
    toys_world: ToyWorld, targets: list[ToyTarget]
) -> None:
    """The answer names target and capability; the other target and our tokens go on."""
    world = toys_world
    task = await world.toy_task("yard-1", "yard-2")
    targets[0].freeze()

    asking = [asyncio.create_task(world.ask(task, **ONE)) for _ in range(8)]
    token, other = await world.issue(task), await world.issue(task, **TWO)
    answers = await asyncio.gather(*asking)

    assert await world.is_active(token["access_token"])
    assert enter(targets[1], other["secret"]) is not None
    assert {(answer.status, answer.code) for answer in answers} == {(502, "issuance-failed")}
    assert all("yard-1, capability yard-1" in answer["detail"] for answer in answers)
    targets[0].thaw()
    assert (await world.ask(task, **ONE)).status == 201


async def test_a_repeat_kills_the_first(toys_world: ToyWorld, targets: list[ToyTarget]) -> None:
    """One key never has two living secrets (I10); the token's rule is another one."""
    world = toys_world
    task = await world.toy_task("yard-1")

    first = await world.issue(task, key="k", **ONE)
    second = await world.issue(task, key="k", **ONE)
    other = await world.ask(task, key="k", **ONE, ttl_seconds=60)

    assert targets[0].names == {second["secret"]["username"]}
    assert enter(targets[0], first["secret"]) is None
    assert other.code == "idempotency-conflict"
    shown = await world.get(AGENT, f"/v1/credentials/{first['id']}")
    assert (shown["ended_by"], shown["target"]) == ("replaced", "yard-1")
