"""A broker dies at every step of changing facts, and of writing a snapshot of them.

What was appended counts in every bucket once any other broker has looked, whoever appended it; what
was not appended was not made. Whoever asks again under the same key gets the effect of one.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from broker.faultpoints import FaultPoints
from broker.store.connect import connect
from broker.store.floors import GRAPH
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from tests.chaos.facts_cases import CHANGING, SNAPSHOT
from tests.chaos.facts_process import BUCKETS, replica_of
from tests.fakes.facts_kit import FactsKit, put_ticket, ticket
from tests.fakes.redis_servers import SingleServer

KILLED = -9


@pytest.fixture
async def ledger(single: SingleServer) -> AsyncIterator[Ledger]:
    """The ledger of the survivors."""
    link = await connect(single.settings)
    yield Ledger.over(link, namespace="jit", buckets=BUCKETS, limits=Limits())
    await link.close()


async def run_process(single: SingleServer, point: str, name: str) -> tuple[int, str]:
    """Let a process change facts; return how it ended and the revision that it was told."""
    command = ("-m", "tests.chaos.facts_process", single.path, point, name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode().strip()


async def floors_of(ledger: Ledger) -> set[int]:
    """Return what the buckets ask for."""
    return set(await ledger.facts.floors.of_all(GRAPH))


@pytest.mark.parametrize("point", CHANGING)
async def test_a_change_is_made_once_whenever_its_broker_dies(
    single: SingleServer, ledger: Ledger, point: str
) -> None:
    """The caller asks another broker, under the same key."""
    ended, told = await run_process(single, point, "T-1")
    assert (ended, told) == (KILLED, "")

    ended, told = await run_process(single, "", "T-1")

    assert (ended, told) == (0, "1")
    assert [note.revision for note in await ledger.facts.history()] == [1]
    assert await floors_of(ledger) == {1}
    events = single.ask("XRANGE", ledger.keys.buckets[0].out, "-", "+")
    assert [fields[fields.index("type") + 1] for _, fields in events] == ["facts.changed"]


async def test_another_broker_makes_count_what_a_dead_one_appended(
    single: SingleServer, ledger: Ledger
) -> None:
    """Between append and floors: with its next look, and without anybody asking again."""
    ended, _ = await run_process(single, "change.appended", "T-1")
    assert ended == KILLED
    assert await floors_of(ledger) == {0}
    survivor = replica_of(ledger, FaultPoints())

    await survivor.follow()

    assert await floors_of(ledger) == {1}
    assert survivor.facts.thing(ticket("T-1")) is not None
    for bucket in ledger.keys.buckets:
        assert single.ask("ZRANGE", bucket.due, 0, -1) == ["f:facts"]


@pytest.mark.parametrize("point", SNAPSHOT)
async def test_a_snapshot_is_whole_whenever_its_broker_dies(
    single: SingleServer, ledger: Ledger, point: str
) -> None:
    """Whoever begins then loads everything; the next snapshot is written by another."""
    link = await connect(single.settings)
    kit = FactsKit(link, buckets=BUCKETS)
    await kit.filled(5)

    ended, _ = await run_process(single, point, "")

    assert ended == KILLED
    loaded = await ledger.snapshots.load()
    assert loaded.head.snapshot.revision == 5
    assert all(loaded.facts.thing(ticket(f"T-{number}")) for number in range(1, 6))
    await kit.append(put_ticket("T-6"))
    loaded = await ledger.snapshots.load()
    assert await ledger.snapshots.write(loaded.facts, loaded.end, loaded.head)
    await link.close()
