"""What a link promises when the network, the server or the caller fails.

The oracle is the server itself, asked past the link: how often did the script run?
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis, RedisCluster

from broker.errors import StoreUnavailableError
from broker.settings.store import StoreSettings
from broker.store.client_link import ClientLink
from broker.store.connect import connect
from broker.store.link import HEADER, Link, Script
from broker.store.servers import client_options
from tests.fakes.patience import eventually
from tests.fakes.redis_proxy import RedisProxy
from tests.fakes.redis_servers import PATIENT_MS, Cluster, SingleServer

KEY = "{b07}:x"
DEADLINE_MS = 300
SHARD_DEADLINE_MS = 1_500
"""Longer, because here the other servers must answer within it, however busy the machine is."""

SHARDED = [f"{{b{bucket:02x}}}:shard" for bucket in range(16)]

ECHO = Script("echo", HEADER + "return {KEYS[1], ARGV[1]}")
COUNT = Script("count", HEADER + "return redis.call('INCR', KEYS[1])")


@pytest.fixture
async def network(single: SingleServer, tmp_path: Path) -> AsyncIterator[RedisProxy]:
    """A network that fails on demand, between the link and the single server."""
    async with RedisProxy(single.path, str(tmp_path / "net.sock")) as proxy:
        yield proxy


@pytest.fixture(params=["mux", "client"])
async def far(request: pytest.FixtureRequest, network: RedisProxy) -> AsyncIterator[Link]:
    """A warm link across that network, with a short deadline."""
    path = str(network.address)
    if request.param == "mux":
        link = await connect(StoreSettings(url=f"unix://{path}", deadline_ms=DEADLINE_MS))
    else:
        client = Redis(unix_socket_path=path, **client_options(DEADLINE_MS))
        link = ClientLink(client, deadline_ms=DEADLINE_MS)
    await link.run(ECHO, [KEY], ["warm"])
    await link.run(COUNT, ["{b07}:warm"])
    yield link
    await link.close()


async def test_a_lost_reply_is_unavailable_and_the_script_ran_once(
    far: Link, network: RedisProxy, single: SingleServer
) -> None:
    """The server ran the script and the answer got lost: nobody runs it again behind our back."""
    network.lose_reply_of = "EVALSHA"

    with pytest.raises(StoreUnavailableError):
        await far.run(COUNT, [KEY])

    assert await eventually(lambda: far.run(ECHO, [KEY], ["after"])) == [KEY, "after"]
    assert single.ask("GET", KEY) == "1"


async def test_a_lost_request_is_unavailable_and_the_script_never_runs(
    far: Link, network: RedisProxy, single: SingleServer
) -> None:
    """A request that got lost stays lost."""
    network.lose_request_of = "EVALSHA"

    with pytest.raises(StoreUnavailableError):
        await far.run(COUNT, [KEY])

    assert await eventually(lambda: far.run(ECHO, [KEY], ["after"])) == [KEY, "after"]
    assert single.ask("GET", KEY) is None


async def test_calls_cut_in_flight_run_at_most_once(
    far: Link, network: RedisProxy, single: SingleServer
) -> None:
    """Of many calls under way some fail with the connection; none is repeated."""
    calls = [asyncio.create_task(far.run(COUNT, [KEY])) for _ in range(200)]
    network.delay_s = 0.001
    await asyncio.sleep(0.02)
    network.cut()
    replies = await asyncio.gather(*calls, return_exceptions=True)
    network.delay_s = 0.0

    answers = [reply for reply in replies if isinstance(reply, int)]
    assert len(set(answers)) == len(answers)
    assert any(isinstance(reply, StoreUnavailableError) for reply in replies)
    assert all(isinstance(reply, int | StoreUnavailableError) for reply in replies)
    await eventually(lambda: far.run(ECHO, [KEY], ["after"]))
    assert len(answers) <= int(single.ask("GET", KEY) or 0) <= 200


async def test_a_silent_network_ends_at_the_deadline_and_late_replies_reach_nobody(
    far: Link, network: RedisProxy
) -> None:
    """When the replies arrive after all, they do not shift those of later calls."""
    network.freeze()
    calls = [asyncio.create_task(far.run(ECHO, [KEY], [f"early-{n}"])) for n in range(20)]
    for call in calls:
        with pytest.raises(StoreUnavailableError):
            await call
    network.thaw()

    replies = [
        await eventually(lambda word=f"late-{n}": far.run(ECHO, [KEY], [word])) for n in range(20)
    ]

    assert replies == [[KEY, f"late-{n}"] for n in range(20)]


async def test_a_stranded_connection_is_given_up(far: Link, network: RedisProxy) -> None:
    """A connection that never answers again is replaced, without a restart of anything."""
    network.strand()

    with pytest.raises(StoreUnavailableError):
        await far.run(ECHO, [KEY], ["stranded"])

    assert await eventually(lambda: far.run(ECHO, [KEY], ["after"])) == [KEY, "after"]


async def test_a_frozen_server_is_unavailable_until_it_thaws(
    far: Link, single: SingleServer
) -> None:
    """A server that is stopped, not dead, ends in the deadline; afterwards all is well."""
    single.freeze()
    try:
        with pytest.raises(StoreUnavailableError):
            await far.run(COUNT, [KEY])
        with pytest.raises(StoreUnavailableError):
            await far.read("GET", KEY)
    finally:
        single.thaw()

    assert await eventually(lambda: far.run(ECHO, [KEY], ["after"])) == [KEY, "after"]
    assert int(single.ask("GET", KEY) or 0) <= 1


async def test_a_killed_server_is_unavailable_until_it_is_back(
    far: Link, single: SingleServer
) -> None:
    """``kill -9`` and a restart: the link returns by itself, and what was acknowledged is there."""
    assert await far.run(COUNT, [KEY]) == 1
    single.kill()
    with pytest.raises(StoreUnavailableError):
        await far.run(COUNT, [KEY])

    single.start()

    assert await eventually(lambda: far.run(COUNT, [KEY])) == 2


async def test_a_slow_server_is_waited_for_within_the_deadline(
    far: Link, network: RedisProxy
) -> None:
    """Slow is not dead."""
    network.delay_s = DEADLINE_MS / 1000 / 4

    assert await far.run(ECHO, [KEY], ["slow"]) == [KEY, "slow"]


async def test_a_storm_of_cancellations_and_cuts_never_mixes_up_replies(
    far: Link, network: RedisProxy
) -> None:
    """Callers vanish and connections break again and again; whoever gets a reply gets its own."""
    wrong = []

    async def caller(name: int) -> None:
        for turn in range(30):
            word = f"{name}-{turn}"
            try:
                async with asyncio.timeout(0.001 * ((name * 7 + turn) % 5 + 0.2)):
                    reply = await far.run(ECHO, [KEY], [word])
            except (TimeoutError, StoreUnavailableError):
                continue
            if reply != [KEY, word]:
                wrong.append((word, reply))

    async def breaker() -> None:
        while True:
            await asyncio.sleep(0.03)
            network.cut()

    breaking = asyncio.create_task(breaker())
    await asyncio.gather(*(caller(name) for name in range(40)))
    breaking.cancel()

    assert wrong == []
    assert await eventually(lambda: far.run(ECHO, [KEY], ["after"])) == [KEY, "after"]


async def test_a_server_that_turns_replica_is_not_used(far: Link, single: SingleServer) -> None:
    """A demoted primary refuses the write; the link does not pretend, and returns when it can."""
    single.ask("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(StoreUnavailableError):
            await far.run(COUNT, [KEY])
    finally:
        single.ask("REPLICAOF", "NO", "ONE")

    assert await eventually(lambda: far.run(COUNT, [KEY])) == 1


@pytest.mark.parametrize("far", ["mux"], indirect=True)
async def test_a_replica_is_not_read(far: Link, single: SingleServer) -> None:
    """What a demoted primary still shows may have been revoked elsewhere: it is not asked."""
    single.ask("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(StoreUnavailableError):
            await far.run(COUNT, [KEY])
        with pytest.raises(StoreUnavailableError):
            await far.read("GET", KEY)
    finally:
        single.ask("REPLICAOF", "NO", "ONE")

    assert await eventually(lambda: far.read("GET", KEY)) is None


async def test_a_wait_for_news_ends_when_the_server_dies(far: Link, single: SingleServer) -> None:
    """Who blocks on a stream hears of the death at once, not after the wait."""
    waiting = asyncio.create_task(far.tail("{b07}:out", "0-0", block_ms=50_000, count=1))
    await asyncio.sleep(0.1)
    single.kill()

    with pytest.raises(StoreUnavailableError):
        await waiting

    single.start()
    assert await eventually(lambda: far.tail("{b07}:out", "0-0", block_ms=0, count=1)) == []


async def test_a_lost_reply_from_a_cluster_runs_the_script_once(cluster: Cluster) -> None:
    """The client for clusters would repeat the call by itself; the link has taken that away."""
    doors = {port: ("127.0.0.1", cluster.spare_port()) for port in cluster.ports}
    networks = {port: RedisProxy(("127.0.0.1", port), door) for port, door in doors.items()}
    client = RedisCluster(
        *doors[cluster.ports[0]],
        address_remap=lambda address: doors[address[1]],
        **client_options(PATIENT_MS),
    )
    link = ClientLink(client, deadline_ms=PATIENT_MS)
    async with networks[cluster.ports[0]], networks[cluster.ports[1]], networks[cluster.ports[2]]:
        await link.run(COUNT, [KEY])
        for network in networks.values():
            network.lose_reply_of = "EVALSHA"
        with pytest.raises(StoreUnavailableError):
            await link.run(COUNT, [KEY])
        for network in networks.values():
            network.lose_reply_of = ""

        assert await eventually(lambda: link.run(COUNT, [KEY])) == 3

        await link.close()


@pytest.fixture
async def sharded(cluster: Cluster) -> AsyncIterator[Link]:
    """A warm link to a cluster, with a short deadline."""
    link = await connect(
        StoreSettings(url=cluster.settings.url, cluster=True, deadline_ms=SHARD_DEADLINE_MS)
    )
    await asyncio.gather(*(link.run(COUNT, [key]) for key in SHARDED))
    yield link
    await link.close()


async def test_a_frozen_shard_holds_up_its_own_keys_only(cluster: Cluster, sharded: Link) -> None:
    """However many wait for the frozen one, the others answer each time."""
    frozen = cluster.node_of(SHARDED[0])
    healthy = [key for key in SHARDED if cluster.node_of(key) is not frozen]
    os.kill(frozen.pid, signal.SIGSTOP)
    stuck = [asyncio.create_task(sharded.run(COUNT, [SHARDED[0]])) for _ in range(300)]
    try:
        for turn in (2, 3, 4):
            assert {await sharded.run(COUNT, [key]) for key in healthy} == {turn}
        outcomes = await asyncio.gather(*stuck, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailableError}
        assert {await sharded.run(COUNT, [key]) for key in healthy} == {5}
    finally:
        os.kill(frozen.pid, signal.SIGCONT)

    assert await eventually(lambda: sharded.run(ECHO, [SHARDED[0]], ["a"])) == [SHARDED[0], "a"]
    assert int(cluster.ask(frozen.address[1], "GET", SHARDED[0])) <= 301


async def test_a_dead_shard_takes_its_own_keys_only(cluster: Cluster, sharded: Link) -> None:
    """One shard of three is killed: its keys are unavailable until it is back."""
    dead = cluster.node_of(SHARDED[0])
    healthy = [key for key in SHARDED if cluster.node_of(key) is not dead]
    dead.kill()

    for turn in (2, 3, 4):
        with pytest.raises(StoreUnavailableError):
            await sharded.run(COUNT, [SHARDED[0]])
        assert {await eventually(partial(sharded.run, COUNT, [key])) for key in healthy} == {turn}

    dead.start()
    assert await eventually(lambda: sharded.run(ECHO, [SHARDED[0]], ["a"])) == [SHARDED[0], "a"]


async def test_a_slot_that_moved_is_followed_and_the_script_runs_once(
    cluster: Cluster, sharded: Link
) -> None:
    """A redirect says that nothing was run, so the call goes where it was sent."""
    source = cluster.node_of(KEY)
    target = next(node for node in cluster.nodes if node is not source)
    slot = cluster.ask(cluster.ports[0], "CLUSTER", "KEYSLOT", KEY)
    cluster.ask(source.address[1], "DEL", *[key for key in SHARDED if key.startswith("{b07}")])

    cluster.give_slot(slot, target)
    try:
        assert await sharded.run(COUNT, [KEY]) == 1
        assert await sharded.run(COUNT, [KEY]) == 2
        assert cluster.ask(target.address[1], "GET", KEY) == "2"
        cluster.ask(target.address[1], "DEL", KEY)
    finally:
        cluster.give_slot(slot, source)
