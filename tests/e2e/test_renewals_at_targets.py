"""Renewing a credential in its place at its target, whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_kind import enter
from tests.fakes.toy_target import ToyTarget
from tests.fakes.toy_world import SCOPES, ToyWorld, open_toy_world, toys
from tests.fakes.world import Answer
from tests.fakes.world_config import Template

ONE = toys("yard-1")


@pytest.fixture
def target() -> Iterator[ToyTarget]:
    """A toy target."""
    with ToyTarget() as target:
        yield target


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path, target: ToyTarget
) -> AsyncIterator[ToyWorld]:
    """One broker with it."""
    async with open_toy_world(single, template, signer, tmp_path, [target]) as world:
        yield world


async def renew(world: ToyWorld, issued: Any, seconds: int = 300, key: str = "") -> Answer:
    """Ask for more time."""
    path = f"/v1/credentials/{issued['id']}/renew"
    return await world.post(AGENT, path, {"ttl_seconds": seconds}, key=key)


def lives_until(target: ToyTarget, issued: Any) -> int:
    """Return when a credential dies of age, by its target's own word (ms since the epoch)."""
    return int(target.credentials[issued["secret"]["username"]]["until"])


async def test_it_is_prolonged_in_its_place(world: ToyWorld, target: ToyTarget) -> None:
    """The same credential; its new secret is let in, the former one is not."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)
    before = lives_until(target, issued)

    renewed = await renew(world, issued)

    assert (issued["renewable"], renewed.status) == (True, 201)
    assert (renewed["id"], renewed["generation"]) == (issued["id"], 2)
    assert renewed["expires_at"] > issued["expires_at"]
    assert lives_until(target, issued) > before
    assert len(target.names) == 1
    assert enter(target, renewed["secret"]) is not None
    assert enter(target, issued["secret"]) is None
    await world.end(task)
    await world.until(task, issued["id"], "confirmed")
    assert target.names == set()


async def test_what_it_is_for_comes_with_it_and_with_its_renewal(world: ToyWorld) -> None:
    """By the revision of then, where the capability declares it."""
    task = await world.toy_task("yard-1")
    line = {"host": "yard.test", "methods": ["GET"], "paths": ["/toys/**"]}
    world.config.edit_capability("yard-1", reach=[{**line, "scopes": SCOPES}])
    await world.publish()
    issued = await world.issue(task, **ONE, ttl_seconds=60)
    world.config.edit_capability("yard-1", reach=[{**line, "paths": ["/toys/7"]}])
    await world.publish()

    renewed = await renew(world, issued)

    assert issued["reach"] == [line]
    assert (renewed.status, renewed["reach"]) == (201, [{**line, "paths": ["/toys/7"]}])


async def test_a_repeat_delivers_the_only_living_secret(world: ToyWorld, target: ToyTarget) -> None:
    """It prolongs no further than the first time (I10)."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)

    first = await renew(world, issued, key="k")
    until = lives_until(target, issued)
    again = await renew(world, issued, key="k")
    other = await renew(world, issued, 200, key="k")

    assert lives_until(target, issued) == until
    assert (again["expires_at"], again["generation"]) == (first["expires_at"], 2)
    assert other.code == "idempotency-conflict"
    assert enter(target, first["secret"]) is None
    assert enter(target, again["secret"]) is not None


async def test_its_ceilings_are_those_of_tokens(world: ToyWorld, target: ToyTarget) -> None:
    """Never beyond its first maximum, which it says; then another one is to be asked for."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)

    longest = await renew(world, issued, 3600)
    refused = await renew(world, issued, 3600)

    assert longest["expires_at"] == longest["max_expires_at"] == issued["max_expires_at"]
    assert longest["renewable"] is False
    assert (refused.status, refused.code) == (409, "credential-not-renewable")
    assert "ask for a new one" in refused["detail"]
    assert enter(target, longest["secret"]) is not None


async def test_an_answer_that_is_lost_leaves_nothing_uncovered(
    world: ToyWorld, target: ToyTarget
) -> None:
    """The target has prolonged it, the broker does not know: the ledger covers it all the same."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)
    target.losing = {"renew"}

    failed = await renew(world, issued, 3600, key="k")
    shown = await world.get(AGENT, f"/v1/credentials/{issued['id']}")
    target.losing = set()

    assert (failed.status, failed.code) == (502, "issuance-failed")
    assert "yard-1, capability yard-1" in failed["detail"]
    assert shown["expires_at"] == shown["max_expires_at"]
    assert shown["renewable"]
    await world.pass_time(20)  # until that renewal has surely ended
    again = await renew(world, issued, 3600, key="k")
    assert again["expires_at"] == shown["expires_at"]
    assert not again["renewable"]
    assert enter(target, again["secret"]) is not None


async def test_one_that_is_under_way_refuses_the_next(world: ToyWorld, target: ToyTarget) -> None:
    """Whatever key it has; it may come again."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)
    target.freeze("renew")
    asking = asyncio.create_task(renew(world, issued, key="k"))

    async def is_renewing() -> bool:
        return "renew" in target.asked

    await eventually_true(is_renewing, "a renewal under way")
    answers = [await renew(world, issued, key=key) for key in ("k", "l", "")]
    target.thaw()
    first = await asking

    assert {(answer.status, answer.code) for answer in answers} == {(502, "issuance-failed")}
    assert all(answer.headers["Retry-After"] == "1" for answer in answers)
    assert first.status in (201, 502)  # 502: it was too late by then
    if first.status == 201:
        assert (await renew(world, issued, 400)).status == 201


@pytest.mark.parametrize("how", ["task", "revoke", "give-back"])
async def test_what_ends_while_it_is_prolonged_dies(
    world: ToyWorld, target: ToyTarget, how: str
) -> None:
    """Whichever lands first; its secret is nobody's, and the receipt is true (I3, I4)."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)
    target.freeze("renew")
    asking = asyncio.create_task(renew(world, issued))

    async def is_renewing() -> bool:
        return "renew" in target.asked

    await eventually_true(is_renewing, "a renewal under way")
    if how == "task":
        await world.end(task)
    elif how == "revoke":
        await world.revoke(OPERATOR, credential=issued["id"])
    else:
        await world.call(AGENT, "DELETE", f"/v1/credentials/{issued['id']}")
    await world.until(task, issued["id"], "accepted")  # gone; yet a renewal is on its way there
    target.thaw()
    answer = await asking

    assert answer.status in (409, 410, 502)
    await world.pass_time(20)
    await world.until(task, issued["id"], "confirmed")
    assert target.names == set()


async def test_a_storm_of_renewals_and_ends_leaves_nothing(
    world: ToyWorld, target: ToyTarget
) -> None:
    """In any order that the scheduler makes of it."""
    tasks = [await world.toy_task("yard-1") for _ in range(6)]
    issued = [await world.issue(task, **ONE, ttl_seconds=60) for task in tasks]
    kept = await world.issue(await world.toy_task("yard-1"), **ONE)

    async def end(task: str) -> None:
        await world.end(task)

    asked = [renew(world, each, 100 + n) for each in issued for n in range(2)]
    answers, _ = await asyncio.gather(
        asyncio.gather(*asked), asyncio.gather(*(end(task) for task in tasks))
    )
    await world.pass_time(20)
    for task, each in zip(tasks, issued, strict=True):
        await world.until(task, each["id"], "confirmed")

    assert target.names == {kept["secret"]["username"]}
    assert {answer.status for answer in answers} <= {201, 409, 410, 502}


async def test_who_asked_may_go(world: ToyWorld, target: ToyTarget) -> None:
    """What came of it is noted all the same: a repeat need not wait for it."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)
    target.freeze("renew")
    asking = asyncio.create_task(renew(world, issued, key="k"))

    async def is_renewing() -> bool:
        return "renew" in target.asked

    await eventually_true(is_renewing, "a renewal under way")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    target.thaw()
    answers: list[Answer] = []

    async def is_renewed() -> bool:
        answers.append(await renew(world, issued, key="k"))
        return answers[-1].status == 201

    await eventually_true(is_renewed, "a renewal")
    assert enter(target, answers[-1]["secret"]) is not None


async def test_policy_is_asked_anew(world: ToyWorld, target: ToyTarget) -> None:
    """What it forbids by now is not prolonged; neither is what the capability gave before.

    What was granted so ends by itself, so the renewal may come before its end or after it.
    """
    task = await world.toy_task("yard-1")
    first = await world.issue(task, **ONE, ttl_seconds=60)

    world.config.edit("capabilities.yaml", lambda file: _motto(file, "another"))
    await world.publish()
    other = await renew(world, first)
    second = await world.issue(task, **ONE, ttl_seconds=60)
    world.config.edit("capabilities.yaml", lambda file: _only(file, "something:else"))
    await world.publish()
    refused = await renew(world, second)

    ended = (409, "credential-ended")
    assert (other.status, other.code) in [(409, "credential-not-renewable"), ended]
    assert (refused.status, refused.code) in [(403, "access-denied"), ended]
    names = {each["secret"]["username"] for each in (first, second)}

    async def are_gone() -> bool:
        return not names & set(target.credentials)

    await eventually_true(are_gone, "the end of both")


def _motto(file: Any, motto: str | None) -> None:
    for each in file["capabilities"]:
        if each["name"] == "yard-1":
            each.pop("template", None)
            each.update({"template": {"motto": motto}} if motto else {})


def _only(file: Any, scope: str) -> None:
    for each in file["capabilities"]:
        if each["name"] == "yard-1":
            each["scopes"] = [scope]


async def test_a_full_target_refuses_before_the_ledger_says_longer(
    world: ToyWorld, target: ToyTarget
) -> None:
    """And that one only: our own tokens are renewed as ever."""
    task = await world.toy_task("yard-1")
    issued, token = await world.issue(task, **ONE, ttl_seconds=60), await world.issue(task)
    target.freeze()
    asking = [asyncio.create_task(world.ask(task, **ONE)) for _ in range(4)]

    async def is_full() -> bool:
        return target.asked.count("who") > 2

    await eventually_true(is_full, "calls under way")
    refused = await renew(world, issued)
    renewed = await renew(world, token, 400)
    await asyncio.gather(*asking)
    shown = await world.get(AGENT, f"/v1/credentials/{issued['id']}")
    target.thaw()

    assert (refused.status, refused.code) == (502, "issuance-failed")
    assert renewed.status == 201
    assert shown["expires_at"] == issued["expires_at"]


async def test_another_target_prolongs_nothing(world: ToyWorld, target: ToyTarget) -> None:
    """Who answers there is not who was recorded."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **ONE, ttl_seconds=60)
    before = lives_until(target, issued)
    target.identity = "somebody else"

    refused = await renew(world, issued)

    assert (refused.status, "other-target" in refused["detail"]) == (502, True)
    assert lives_until(target, issued) == before


async def test_a_kind_that_keeps_its_secret_delivers_none(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path, target: ToyTarget
) -> None:
    """What was delivered before goes on."""
    opened = open_toy_world(single, template, signer, tmp_path, [target], keeps=True)
    async with opened as world:
        task = await world.toy_task("yard-1")
        issued = await world.issue(task, **ONE, ttl_seconds=60)
        renewed = await renew(world, issued)

        assert (renewed.status, renewed["secret"]) == (201, {})
        assert enter(target, issued["secret"]) is not None


async def test_a_kind_that_renews_nothing_says_so_from_the_beginning(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path, target: ToyTarget
) -> None:
    """And what to do instead."""
    opened = open_toy_world(single, template, signer, tmp_path, [target], kind="lasting-toy")
    async with opened as world:
        issued = await world.issue(
            await world.toy_task("yard-1"), capability="yard-1", scopes=SCOPES
        )
        refused = await renew(world, issued)

        assert issued["renewable"] is False
        assert (refused.status, refused.code) == (409, "credential-not-renewable")
        assert "ask for a new one" in refused["detail"]
