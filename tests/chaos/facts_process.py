"""A process that changes facts, or writes a snapshot of them, and dies where it is told.

``python -m tests.chaos.facts_process SOCKET POINT TICKET``: one ticket is put, or a snapshot
written, over the ledger behind a unix socket.
"""

import asyncio
import sys
from collections.abc import Sequence

from broker.clock import SystemClock
from broker.errors import BrokerError, InvalidRequestError
from broker.fact_changes import FactChanges
from broker.facts.change import ChangeSet
from broker.facts.facts import Facts
from broker.facts.fault import ChangeFault
from broker.facts_copy import FactsCopy
from broker.facts_replica import FactsReplica
from broker.faultpoints import FaultPoints
from broker.gate import Gate
from broker.idempotency import Repeatable
from broker.restoration import Restoration
from broker.settings.store import StoreSettings
from broker.store import facts_snapshots
from broker.store.connect import connect
from broker.store.facts_entry import Position
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from tests.fakes.facts_kit import BASE, put_ticket

BUCKETS = 4


def refusal(faults: Sequence[ChangeFault], _change: ChangeSet) -> BrokerError:
    """Carry the faults of a change."""
    return InvalidRequestError("; ".join(map(str, faults)))


def changes_of(ledger: Ledger, faults: FaultPoints) -> FactChanges:
    """Make a way to change facts."""
    copy = FactsCopy(ledger.facts, ledger.snapshots)

    async def newest() -> tuple[Facts, Position]:
        await copy.follow()
        return copy.facts.over(BASE), copy.end

    return FactChanges(ledger.facts, newest, refusal=refusal, clock=SystemClock(), faults=faults)


def replica_of(ledger: Ledger, faults: FaultPoints, gate: Gate | None = None) -> FactsReplica:
    """Make a copy that does for the log what is due."""
    return FactsReplica(
        ledger,
        Restoration(ledger),
        gate or Gate([]),
        clock=SystemClock(),
        faults=faults,
        max_age_ms=5_000,
    )


async def put(ledger: Ledger, point: str, name: str) -> None:
    """Put a ticket under an idempotency key of its name."""
    same = Repeatable(f"key of {name}", "digest")
    changes = changes_of(ledger, FaultPoints(point))
    print(await changes.apply(put_ticket(name), same=same))


async def snap(ledger: Ledger, point: str) -> None:
    """Write a snapshot, as soon as a single revision is not in the last one."""
    facts_snapshots.LONGEST_TAIL = 1  # type: ignore[misc]
    facts_snapshots.KEPT = 1  # type: ignore[misc]
    replica = replica_of(ledger, FaultPoints(point))
    for _ in range(100):
        await replica.follow()
        await asyncio.sleep(0.05)


async def main(socket: str, point: str, name: str) -> None:
    """Do one of the two."""
    link = await connect(StoreSettings(url=f"unix://{socket}"))
    ledger = Ledger.over(link, namespace="jit", buckets=BUCKETS, limits=Limits())
    await (snap(ledger, point) if point.startswith("snapshot.") else put(ledger, point, name))
    await link.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
