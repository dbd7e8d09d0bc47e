"""The ledger's server dies, freezes, starves and lies; the network before it loses and cuts.

Access is refused while nobody can be sure, what was taken away stays away, and all goes on by
itself when the server is well again.
"""

import asyncio
import os
import random  # noqa: TID251 - a seeded choice of what is lost
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from broker.client.api_errors import BrokerUnavailableError
from tests.chaos.cast import CEILING, Cast
from tests.chaos.oracle import require_exact_quotas, require_no_resurrection, require_whole_trail
from tests.chaos.starved_server import StarvedServer
from tests.chaos.traffic import Traffic
from tests.chaos.world import ORDERS, REPORTS, World, open_world
from tests.fakes.eventually_true import eventually_true
from tests.fakes.redis_proxy import RedisProxy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

SEED = int(os.environ.get("CHAOS_SEED", "7"))
"""Set it to tell the same story again."""

IMPATIENCE_S = 5.0
"""A client that waits no longer: more than a call's deadline, less than a queue."""


@dataclass(frozen=True)
class Scene:
    """One broker behind a bad network, with everybody who uses it."""

    world: World
    cast: Cast
    proxy: RedisProxy

    @property
    def ledger(self) -> StarvedServer:
        """The server."""
        ledger = self.world.ledger
        assert isinstance(ledger, StarvedServer)
        return ledger


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene() -> AsyncIterator[Scene]:
    """One world for all of them: each leaves it as it found it."""
    async with open_world(ledger=StarvedServer) as world:
        listen = str(world.setup.state / "proxy.sock")
        async with RedisProxy(str(world.ledger.socket), listen) as proxy:
            world.configure({"store": {"url": f"unix://{listen}"}})
            await world.slots[0].start()
            await asyncio.gather(
                world.start_witness(ORDERS, check="feed"),
                world.start_witness(REPORTS, check="introspect"),
            )
            yield Scene(world, Cast(world, timeout_s=IMPATIENCE_S), proxy)
            await world.slots[0].kill()


async def is_open(scene: Scene) -> bool:
    """Tell whether access is given."""
    with suppress(aiohttp.ClientError):
        return (await scene.world.slots[0].readiness())[0] == 200
    return False


async def recovered(scene: Scene) -> None:
    """Wait until access is given again, and use it."""
    await eventually_true(lambda: is_open(scene), "access")
    task = await scene.cast.open()
    await scene.cast.expect(alive=await scene.cast.issue_both(task.id))
    await scene.cast.orchestrator.client.tasks.complete(task.id)


async def shut(scene: Scene, word: str) -> None:
    """Wait until no access is given, for a reason that has this word."""

    async def refuses() -> bool:
        status, body = await scene.world.slots[0].readiness()
        return status == 503 and any(word in reason["what"] for reason in body["reasons"])

    await eventually_true(refuses, f"a refusal because of {word}")


async def raw_status(scene: Scene, body: object) -> int:
    """Ask once for a task, as a client without patience; return the status."""
    headers = {"Authorization": f"Bearer {await _token(scene)}"}
    async with scene.world.session.post(
        f"{scene.world.slots[0].url}/v1/tasks",
        json=body,
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=IMPATIENCE_S),
    ) as answer:
        return answer.status


async def _token(scene: Scene) -> str:
    return await scene.cast.orchestrator.token()


OPENING = {
    "name": "n",
    "agent": "invoice-bot",
    "tenant": "acme",
    "instance": "pod-1",
    "ceiling": [{"capability": c.capability, "scopes": list(c.scopes)} for c in CEILING],
    "ttl_seconds": 600,
}


async def check_all(scene: Scene, traffic: Traffic) -> None:
    """End everything, and hold all records against each other."""
    await eventually_true(lambda: is_open(scene), "access")
    operator = scene.cast.operator
    await traffic.ask(
        operator, lambda client: client.operator.revoke({"tenant": "acme"}, reason="the end")
    )
    await require_whole_trail(scene.cast)
    await require_exact_quotas(scene.world)
    require_no_resurrection(scene.world, traffic.diary.dead_since())


def traffic_of(scene: Scene) -> Traffic:
    """Let everybody work at the one broker."""
    print(f"CHAOS_SEED={SEED}")
    return Traffic(scene.cast, seed=SEED, urls=[scene.world.slots[0].url])


async def test_a_server_that_dies_and_comes_back_loses_nothing(scene: Scene) -> None:
    """Killed three times under load; it writes its append-only file every second."""
    traffic = traffic_of(scene)

    async def die_thrice() -> None:
        for _ in range(3):
            await asyncio.sleep(1.5)
            await asyncio.to_thread(scene.ledger.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(scene.ledger.start)

    await traffic.run(4, until=asyncio.create_task(die_thrice()))

    assert len(traffic.diary.ends) > 5
    await check_all(scene, traffic)


async def test_a_network_that_loses_and_cuts_makes_nothing_happen_twice(scene: Scene) -> None:
    """One reply in twenty is lost after the script ran, and the connection is cut every second."""
    chance = random.Random(SEED)  # noqa: S311 - see the import
    traffic = traffic_of(scene)
    scene.proxy.loses = lambda name: name == "EVALSHA" and chance.random() < 0.05

    async def cut_often() -> None:
        for _ in range(8):
            await asyncio.sleep(1)
            scene.proxy.cut()

    await traffic.run(4, until=asyncio.create_task(cut_often()))
    scene.proxy.loses = lambda _: False

    assert traffic.diary.repeats > 0
    await check_all(scene, traffic)


async def test_a_frozen_server_is_answered_for_at_once_and_nothing_piles_up(scene: Scene) -> None:
    """Thousands ask while it is frozen: each is refused, and the broker keeps none of them."""
    task = await scene.cast.open()
    tokens = await scene.cast.issue_both(task.id)
    await scene.cast.expect(alive=tokens)
    before_kib = scene.world.slots[0].rss_kib()
    os.kill(scene.ledger.pid, signal.SIGSTOP)
    try:
        await shut(scene, "Redis")
        statuses: set[int] = set()
        for _ in range(40):
            statuses |= set(await asyncio.gather(*(raw_status(scene, OPENING) for _ in range(50))))
        grown_kib = scene.world.slots[0].rss_kib() - before_kib
        refused = [not await scene.cast.accepts(held) for held in tokens]
        await eventually_true(lambda: _refused(scene, tokens[0].token), "a stale view", 15)
    finally:
        os.kill(scene.ledger.pid, signal.SIGCONT)

    assert statuses == {503}
    assert grown_kib < 50_000
    assert refused[1], "a server that asks let somebody in without an answer"
    await recovered(scene)
    await scene.cast.expect(alive=tokens)


async def _refused(scene: Scene, token: str) -> bool:
    return not await scene.world.witnesses[0].accepts(token)


async def test_a_full_disk_stops_every_change_and_no_broker(scene: Scene) -> None:
    """Nothing that cannot be written is promised; it goes on when there is room (E24)."""
    task = await scene.cast.open()
    tokens = await scene.cast.issue_both(task.id)
    scene.ledger.fill_disk()
    try:
        await shut(scene, "append-only file cannot be written")
        assert await raw_status(scene, OPENING) == 503
        with pytest.raises(BrokerUnavailableError):
            await scene.cast.orchestrator.client.tasks.complete(task.id)
    finally:
        scene.ledger.empty_disk()

    await recovered(scene)
    await scene.cast.expect(alive=tokens)
    await scene.cast.orchestrator.client.tasks.complete(task.id)
    await scene.cast.all_final(task.id, [held.credential for held in tokens])
    await scene.cast.expect(dead=tokens)


async def test_a_server_without_memory_grants_nothing_and_still_revokes(scene: Scene) -> None:
    """The scripts that take away may use what is left; the others are refused whole."""
    completed, revoked, given = [await scene.cast.open() for _ in range(3)]
    tokens = [
        *await scene.cast.issue_both(completed.id),
        *await scene.cast.issue_both(revoked.id),
        await scene.cast.issue(given.id),
    ]
    used = scene.world.ask("INFO", "memory").split("used_memory:")[1].split("\r\n")[0]
    scene.world.ask("CONFIG", "SET", "maxmemory", int(used) // 2)
    try:
        with pytest.raises(BrokerUnavailableError):
            await scene.cast.open()
        with pytest.raises(BrokerUnavailableError):
            await scene.cast.issue(completed.id)
        await scene.cast.orchestrator.client.tasks.complete(completed.id)
        await scene.cast.operator.client.operator.revoke({"task": revoked.id}, reason="oom")
        await scene.cast.agent.client.credentials.give_back(tokens[-1].credential)
        for task in (completed, revoked, given):
            mine = [held.credential for held in tokens if held.task == task.id]
            await scene.cast.all_final(task.id, mine)
        await scene.cast.expect(dead=tokens)
    finally:
        scene.world.ask("CONFIG", "SET", "maxmemory", 0)

    await recovered(scene)


async def test_a_server_that_may_evict_is_given_nothing_to_lose(scene: Scene) -> None:
    """The setting changes while the broker runs: it only revokes, until it is changed back (E8)."""
    task = await scene.cast.open()
    tokens = await scene.cast.issue_both(task.id)
    scene.world.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        await shut(scene, "maxmemory-policy is allkeys-lru")
        assert await raw_status(scene, OPENING) == 503
        await scene.cast.orchestrator.client.tasks.complete(task.id)
        await scene.cast.all_final(task.id, [held.credential for held in tokens])
        await scene.cast.expect(dead=tokens)
    finally:
        scene.world.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")

    await recovered(scene)


@pytest.mark.parametrize("shift_s", [3_600, -3_600])
async def test_a_server_whose_clock_is_wrong_gives_nothing_and_still_revokes(
    scene: Scene, shift_s: int
) -> None:
    """The broker compares it with its own, and says so; it goes on when it is right again (E12)."""
    task, idle = await scene.cast.open(), await scene.cast.open(idle_timeout_seconds=1)
    tokens = await scene.cast.issue_both(task.id)
    scene.proxy.shift_s = shift_s
    try:
        await shut(scene, "clock is")
        assert await raw_status(scene, OPENING) == 503
        await scene.cast.orchestrator.client.tasks.complete(task.id)
        await scene.cast.all_final(task.id, [held.credential for held in tokens])
        await scene.cast.expect(dead=tokens)
        await asyncio.sleep(2)
        untouched = await scene.cast.operator.client.tasks.show(idle.id)
    finally:
        scene.proxy.shift_s = 0

    assert untouched.state == "open"
    await recovered(scene)

    async def is_idle() -> bool:
        return (await scene.cast.operator.client.tasks.show(idle.id)).ended_by == "idle"

    await eventually_true(is_idle, "the end of the silent task")


async def test_another_ledger_is_not_taken_for_the_lost_one(scene: Scene) -> None:
    """Emptied while the broker runs: it only revokes, and the dead stay dead (E3)."""
    task, other = await scene.cast.open(), await scene.cast.open()
    dead, lost = await scene.cast.issue_both(task.id), await scene.cast.issue_both(other.id)
    await scene.cast.orchestrator.client.tasks.complete(task.id)
    await scene.cast.all_final(task.id, [held.credential for held in dead])

    scene.world.ask("FLUSHALL")
    await shut(scene, "ledger of epoch")

    assert await raw_status(scene, OPENING) == 503
    await scene.cast.expect(dead=[*dead, lost[1]])
    await asyncio.sleep(6)
    await scene.cast.expect(dead=[*dead, lost[1]])
    await _begin_anew(scene)
    await scene.cast.expect(dead=[*dead, lost[1]])


async def _begin_anew(scene: Scene) -> None:
    """Do what the refusal asks the operator to do."""
    config = ("--config", str(scene.world.slots[0].config))
    commands = scene.world.setup._commands  # noqa: SLF001 - the same that set the world up
    await scene.world.processes.run("keys-again", [*commands.init_keys, *config])
    await scene.world.processes.run("apply-again", [*commands.apply, *config])
    await scene.world.slots[0].kill()
    await scene.world.slots[0].start()
    await recovered(scene)


async def test_another_number_of_buckets_is_refused_at_the_start(scene: Scene) -> None:
    """A broker that looked in other places would find no lease at all."""
    slot = scene.world.slots[0]
    await slot.kill()
    scene.world.configure({"store": {"buckets": 32}})
    try:
        await slot.start(is_awaited=False)
        code = await slot.died()
    finally:
        scene.world.configure({"store": {"buckets": 16}})

    assert code == 78
    assert "set store.buckets to 16" in slot.log_text()
