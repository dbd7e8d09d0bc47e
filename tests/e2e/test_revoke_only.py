"""I5: unsure means no new access, and is never a reason not to take access away.

Each test breaks one thing under a running broker, finds that it gives nothing and says why, that
everything that takes away goes on, and that it recovers by itself once the thing is mended.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.settings.limits import ClockLimits, FeedLimits
from broker.settings.settings import Audit
from broker.signing.private_files import write_private
from tests.fakes.cast import AGENT, HELPER, OPERATOR, ORCHESTRATOR, ORDERS, Who
from tests.fakes.world import World, task_body
from tests.fakes.world_config import ISSUERS


@dataclass
class Belongings:
    """What exists before something breaks: one of each for every way to take away."""

    tasks: list[str]
    leases: list[str]
    tokens: list[str]


async def settle_in(world: World, count: int = 6) -> Belongings:
    """Open tasks, each with a credential."""
    made = Belongings([], [], [])
    for _ in range(count):
        task = await world.open()
        issued = await world.issue(task["id"])
        made.tasks.append(task["id"])
        made.leases.append(issued["id"])
        made.tokens.append(issued["access_token"])
    return made


@asynccontextmanager
async def revoke_only(world: World, word: str, why: str = "") -> AsyncIterator[Belongings]:
    """Inside, the test breaks something; then everything is tried, and after the mending again.

    ``word`` is whose reason it is, ``why`` a part of what it says.
    """
    had = await settle_in(world)
    yield had
    told = await world.until_refusing(word)
    assert why in told
    await gives_nothing(world, had)
    await takes_away(world, had, is_sure=word != "clock")


async def gives_nothing(world: World, had: Belongings) -> None:
    """Every giving verb answers 503 and leaves nothing behind."""
    before = await world.told("lease.issued"), await world.told("task.opened")
    task, lease = had.tasks[0], had.leases[0]

    answers = [
        await world.post(ORCHESTRATOR, "/v1/tasks", task_body()),
        await world.delegate(task),
        await world.post(AGENT, f"/v1/tasks/{task}/extend", {"ttl_seconds": 60}),
        await world.ask(task),
        await world.post(AGENT, f"/v1/credentials/{lease}/renew", {"ttl_seconds": 600}),
    ]

    for answer in answers:
        assert (answer.status, answer.code) == (503, "unavailable")
        assert answer.headers["Retry-After"]
    assert (await world.told("lease.issued"), await world.told("task.opened")) == before
    status, reasons = await world.readiness()
    assert (status, bool(reasons)) == (503, True)


async def takes_away(world: World, had: Belongings, *, is_sure: bool = True) -> None:
    """Complete, fail, cancel, give back, revoke; look, report; if ``is_sure``, beat, introspect."""
    shown = await world.get(AGENT, f"/v1/tasks/{had.tasks[0]}")
    beat = await world.post(AGENT, f"/v1/tasks/{had.tasks[0]}/heartbeat")
    before = {await world.is_told_alive(token) for token in had.tokens}
    answers = [
        await world.post(AGENT, f"/v1/tasks/{had.tasks[0]}/complete"),
        await world.post(ORCHESTRATOR, f"/v1/tasks/{had.tasks[1]}/fail"),
        await world.post(OPERATOR, f"/v1/tasks/{had.tasks[2]}/cancel"),
        await world.call(AGENT, "DELETE", f"/v1/credentials/{had.leases[3]}"),
        await world.revoke(OPERATOR, credential=had.leases[4]),
        await world.revoke(OPERATOR, agent="invoice-bot"),
    ]
    report = await world.get(OPERATOR, f"/v1/tasks/{had.tasks[0]}/report")

    assert (shown.status, beat.status, report.status) == (200, 200 if is_sure else 503, 200)
    assert {answer.status for answer in answers} == {200}
    assert before == {is_sure}
    assert not any([await world.is_told_alive(token) for token in had.tokens])
    assert len(report["receipts"]) == 1


async def recovers(world: World) -> None:
    """Without a restart it gives access again."""
    await world.until_ready()
    task = await world.open()
    assert await world.is_active((await world.issue(task["id"]))["access_token"])


async def test_a_server_that_would_evict(world: World) -> None:
    """Somebody sets another policy at run time (E8)."""
    try:
        async with revoke_only(world, "store", "maxmemory-policy is allkeys-lru"):
            world.single.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    finally:
        world.single.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await recovers(world)


async def test_a_server_that_forgets(world: World) -> None:
    """Somebody switches the append-only file off."""
    try:
        async with revoke_only(world, "store", "appendonly"):
            world.single.ask("CONFIG", "SET", "appendonly", "no")
    finally:
        world.single.ask("CONFIG", "SET", "appendonly", "yes")
    await recovers(world)


async def judge_clocks(world: World) -> None:
    """Give the broker a bound on clocks: most tests push the ledger's by hours."""
    await world.stop()
    await world.start(clock=ClockLimits(max_skew_ms=5_000))


@pytest.mark.parametrize("shift_ms", [20_000, -20_000])
async def test_a_clock_that_is_wrong(world: World, shift_ms: int) -> None:
    """Beyond the bound, in either direction (E12)."""
    await judge_clocks(world)
    async with revoke_only(world, "clock", "ms away"):
        world.running[0].clock.shift_ms = shift_ms
    world.running[0].clock.shift_ms = 0
    await recovers(world)


async def test_a_clock_within_the_bound_is_no_reason(world: World) -> None:
    """Four seconds of five."""
    await judge_clocks(world)
    world.running[0].clock.shift_ms = 4_000
    await world.broker.look()

    await recovers(world)


async def test_nothing_falls_silent_while_clocks_disagree(world: World) -> None:
    """Age is not to be judged by anybody then; what is ordered is carried out all the same."""
    await judge_clocks(world)
    task = await world.open(idle_timeout_seconds=1)
    world.running[0].clock.shift_ms = 60_000
    await world.until_refusing("clock")
    await asyncio.sleep(1.2)
    await world.settle()
    shown = await world.get(ORCHESTRATOR, f"/v1/tasks/{task['id']}")
    world.running[0].clock.shift_ms = 0

    assert shown["state"] == "open"
    assert (await world.ended(task["id"]))["ended_by"] == "idle"


BROKEN_BUNDLES = {
    "no bundle": "{}",
    "no JSON": "not a bundle",
    "nothing": " ",
    "no UTF-8 text": "\ud7ff\u0000",
}


@pytest.mark.parametrize("bundle", BROKEN_BUNDLES.values(), ids=BROKEN_BUNDLES.keys())
async def test_a_bundle_that_is_none(world: World, bundle: str) -> None:
    """Written past every check; the former one decides nothing more (F19)."""
    async with revoke_only(world, "policy", "cannot be loaded"):
        await world.publish_raw(bundle, "digest-of-it")
    await world.publish()
    await recovers(world)


async def test_policies_that_do_not_compile(world: World) -> None:
    """A readable bundle of which the engine makes nothing."""
    good = world.config.bundle.to_bytes().decode()
    broken = good.replace("permit (", "permit [", 1)
    assert broken != good
    async with revoke_only(world, "policy", "cannot be loaded"):
        await world.publish_raw(broken, "digest-of-it")
    await world.publish()
    await recovers(world)


@pytest.mark.parametrize("bundle", [*BROKEN_BUNDLES.values(), "policies"], ids=str)
async def test_a_broker_that_starts_on_a_broken_bundle(world: World, bundle: str) -> None:
    """It never saw a good one; still it knows from the ledger who may take away."""
    had = await settle_in(world)
    good = world.config.bundle.to_bytes().decode()
    broken = good.replace("permit (", "permit [") if bundle == "policies" else bundle
    await world.publish_raw(broken, "digest-of-it")
    await world.stop()
    await world.start(gives=False)

    await world.until_refusing("policy")
    await gives_nothing(world, had)
    await takes_away(world, had)

    await world.publish()
    await recovers(world)


async def test_a_broker_on_an_empty_ledger(world: World) -> None:
    """Nothing was ever published: nobody is anybody, and readiness says what to do."""
    world.single.ask("FLUSHALL")
    await world.stop()
    await world.start(gives=False)

    status, reasons = await world.readiness()

    assert status == 503
    assert {reason.partition(":")[0] for reason in reasons} >= {"ledger"}
    assert (await world.post(ORCHESTRATOR, "/v1/tasks", task_body())).status == 503
    await world.prepare()
    await recovers(world)


async def test_an_active_key_that_is_not_here(world: World) -> None:
    """Its private half is missing on this machine; once it is brought, it is found."""
    had = await settle_in(world)
    path = next(world.config.keys.glob("*.pem"))
    aside = path.rename(path.with_suffix(".aside"))
    await world.stop()
    await world.start(gives=False)

    told = await world.until_refusing("keys")
    await gives_nothing(world, had)
    await takes_away(world, had)
    aside.rename(path)

    assert "private half" in told
    await recovers(world)


async def test_a_rotation_that_this_machine_knows_nothing_of(world: World) -> None:
    """Another machine made the next key active; this one has not got its private half."""
    async with revoke_only(world, "keys", "private half"):
        former = set(world.config.keys.glob("*.pem"))
        await world.rotate()
        (made,) = set(world.config.keys.glob("*.pem")) - former
        data = made.read_bytes()
        made.unlink()
        await world.rotate()
    write_private(made, data)
    await recovers(world)


async def test_an_audit_trail_that_cannot_be_written(world: World) -> None:
    """No record, no access; what is taken away meanwhile is recorded later (F10)."""
    had = await settle_in(world)
    blocked = world.config.folder.parent / "blocked"
    blocked.write_text("a file where the folder should be")
    await world.stop()
    await world.start(gives=False, audit=Audit(file=blocked / "audit.jsonl"))

    told = await world.until_refusing("feed")
    await gives_nothing(world, had)
    await takes_away(world, had)
    blocked.unlink()
    blocked.mkdir()

    assert "audit" in told
    await recovers(world)
    await world.until_logged(blocked / "audit.jsonl", "revocation.ordered")


async def test_a_feed_that_cannot_be_shipped(world: World) -> None:
    """What happens piles up in the outboxes: nothing new is added to it but ends (F10)."""
    log = f"{world.broker.ledger.keys.namespace}:{{feed}}:log"
    async with revoke_only(world, "feed"):
        world.single.ask("COPY", log, f"{log}:aside")
        world.single.ask("SET", log, "no stream")  # never absent: then it would have gone back
    world.single.ask("RENAME", f"{log}:aside", log)
    await recovers(world)


async def test_a_full_outbox_is_no_place_for_grants(world: World) -> None:
    """Refused by the ledger itself, before any watcher has noticed; ending goes on."""
    had = await settle_in(world)
    log = f"{world.broker.ledger.keys.namespace}:{{feed}}:log"
    world.single.ask("RENAME", log, f"{log}:aside")
    world.single.ask("SET", log, "no stream")
    await world.stop()
    await world.start(gives=False, feed=FeedLimits(alive_ms=200, outbox_max_entries=1))
    for bucket in world.broker.ledger.keys.buckets:
        number = int(world.single.ask("HINCRBY", bucket.meta, "out", 1))
        world.single.ask("XADD", bucket.out, f"{number}-0", "type", "x", "at", 0, "op", "x")

    world.broker.gate.report("feed")
    task = await world.post(ORCHESTRATOR, "/v1/tasks", task_body())
    world.broker.gate.report("feed")
    issued = await world.ask(had.tasks[5])
    await takes_away(world, had)

    assert {task.status, issued.status} == {503}


async def test_a_ledger_that_was_swapped(world: World) -> None:
    """Another epoch, or none: the old tasks are not there, and nobody is told that they are."""
    task = await world.open()
    issued = await world.issue(task["id"])
    world.single.ask("HSET", world.broker.ledger.keys.control, "epoch", "another")

    told = await world.until_refusing("ledger")

    assert "swapped" in told
    assert (await world.ask(task["id"])).status == 503
    assert (await world.revoke(OPERATOR, credential=issued["id"])).status == 200
    assert not await world.is_active(issued["access_token"])


async def test_redis_is_gone(world: World) -> None:
    """Everything that needs it answers 503 and nothing is invented; then it is back."""
    task = await world.open()
    issued = await world.issue(task["id"])
    world.single.kill()

    told = await world.until_refusing("store")
    answers = [
        await world.ask(task["id"]),
        await world.post(AGENT, f"/v1/tasks/{task['id']}/complete"),
        await world.revoke(OPERATOR, agent="invoice-bot"),
        await world.get(AGENT, f"/v1/tasks/{task['id']}"),
        await world.introspect(issued["access_token"]),
    ]
    health = await world.get(None, "/healthz")
    world.single.start()

    assert told
    assert {answer.status for answer in answers} == {503}
    assert answers[4]["error"] == "temporarily_unavailable"
    assert health.status == 200
    await recovers(world)
    assert (await world.end(task["id"]))["task"]["state"] == "completed"


async def test_redis_is_stuck(world: World) -> None:
    """It holds its connections and answers nothing: within the deadline the broker does."""
    await world.stop()
    await world.start(store=world.store(deadline_ms=300))
    task = await world.open()
    world.single.freeze()

    answers = await asyncio.gather(*(world.ask(task["id"]) for _ in range(10)))
    told = await world.until_refusing("store")
    world.single.thaw()

    assert told
    assert {answer.status for answer in answers} == {503}
    await recovers(world)


SECOND_AGENT = Who(AGENT.kind, AGENT.name, "acme", "pod-1", ISSUERS[1])


async def test_an_issuer_whose_keys_cannot_be_had(world: World) -> None:
    """Its tokens are refused and readiness names it; the other issuer's go on."""
    keys = world.config.folder / "second.json"
    await restart_with_own_keys(world, keys)

    refused = await world.get(SECOND_AGENT, "/v1/tasks")
    accepted = await world.get(AGENT, "/v1/tasks")
    ready = await world.get(None, "/readyz")
    keys.write_bytes(world.signer.jwks())

    assert (refused.status, accepted.status) == (401, 200)
    assert (ready.status, ready["mode"]) == (200, "full")
    assert ["second" in reason["what"] for reason in ready["reasons"]] == [True]
    await world.until_no_reason()
    assert (await world.get(SECOND_AGENT, "/v1/tasks")).status == 200


async def test_an_issuer_whose_keys_are_too_old(world: World) -> None:
    """They were good once; beyond the stated age they vouch for nothing."""
    keys = world.config.folder / "second.json"
    keys.write_bytes(world.signer.jwks())
    await restart_with_own_keys(world, keys)
    assert (await world.get(SECOND_AGENT, "/v1/tasks")).status == 200
    keys.unlink()

    async with asyncio.timeout(20):
        while (await world.get(SECOND_AGENT, "/v1/tasks")).status == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    status, told = await world.until_told("issuers")
    assert (status, "second" in told) == (200, True)


async def test_no_issuer_has_keys(world: World) -> None:
    """Nobody can show who it is: the broker is not ready, and says of whom it waits for keys."""
    (world.config.folder / "jwks.json").unlink()
    world.config.edit("issuers.yaml", lambda file: _keys_of(file, 0, world, "jwks.json"))
    await restart_with_own_keys(world, world.config.folder / "second.json", gives=False)

    told = await world.until_refusing("issuers")
    answer = await world.get(AGENT, "/v1/tasks")

    assert "dev" in told
    assert answer.status == 401


async def restart_with_own_keys(world: World, keys: Path, *, gives: bool = True) -> None:
    """Let the second issuer have a file of its own, looked at every other second."""
    world.config.edit("issuers.yaml", lambda file: _keys_of(file, 1, world, keys.name))
    await world.stop()
    await world.start(gives=gives)


def _keys_of(file: Any, position: int, world: World, name: str) -> None:
    file["issuers"][position]["keys"] = {
        "file": str(world.config.folder / name),
        "refresh_seconds": 2,
        "cooldown_seconds": 1,
        "max_stale_seconds": 3,
    }


async def test_reasons_are_told_together(world: World) -> None:
    """Not one after the other, each mended in vain."""
    await judge_clocks(world)
    try:
        world.single.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        world.running[0].clock.shift_ms = 60_000
        await world.publish_raw("{}", "digest-of-it")
        for word in ("store", "clock", "policy"):
            await world.until_refusing(word)
        answer = await world.get(None, "/readyz")
    finally:
        world.single.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")

    words = {reason["what"].partition(":")[0] for reason in answer["reasons"]}
    assert words >= {"store", "clock", "policy"}
    assert all(reason["remedy"] for reason in answer["reasons"])
    assert answer["mode"] == "revoke-only"
    assert ORDERS.name not in str(answer.body)
    assert HELPER.name not in str(answer.body)
