"""Who counts a lease against a quota: its agent, the agent of its root task, and its tenant.

- A place is taken before or beside the lease's own script, and freed after the lease is dead: a
  crash in between counts too many until the lease would have expired, never too few.
- What is dead by the judge's word (its task has ended, a cut covers it) frees its places before its
  record says so, so that whoever repeats the work after a crash frees them all.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import structlog

from broker.errors import StoreUnavailableError
from broker.governance.published import Quotas
from broker.ids import LeaseId
from broker.store.quotas import Quota, QuotaLedger, Taking

_log = structlog.get_logger(__name__)


class Counted(Protocol):
    """What the quotas of a lease follow from: its own spec, or its task's."""

    @property
    def agent(self) -> str:
        """Who uses it."""
        ...

    @property
    def actors(self) -> tuple[str, ...]:
        """The agents from the root task to this one."""
        ...

    @property
    def tenant(self) -> str:
        """Whose it is."""
        ...


class Places:
    """Takes and frees the places of leases."""

    def __init__(self, ledger: QuotaLedger) -> None:
        self._ledger = ledger

    def begin(self, lease: LeaseId, of: Counted, limits: Quotas, life_ms: int) -> Taking:
        """Begin to count a lease, or to count it for longer."""
        quotas = [
            *(Quota("agent", name, limits.of_agent(name)) for name in _agents(of)),
            Quota("tenant", of.tenant, limits.of_tenant(of.tenant)),
        ]
        return self._ledger.begin(quotas, lease, life_ms)

    async def until(self, of: Counted, lease: LeaseId, expires_at_ms: int) -> None:
        """Count a lease until an instant: it got less time than it was counted for.

        Where that cannot be said, it counts for longer.
        """
        with _bearing("places-not-shortened", 1):
            await self._ledger.until(_held(of), lease, expires_at_ms)

    async def at_least(self, of: Counted, lease: LeaseId, expires_at_ms: int) -> None:
        """Count a lease for no less than that, if it is counted.

        Raises:
            StoreUnavailableError: it may be counted for less than it lives.
        """
        await self._ledger.until(_held(of), lease, expires_at_ms, at_least=True)

    async def free(self, of: Counted, leases: Sequence[LeaseId]) -> None:
        """Free the places of leases that are dead.

        A place that cannot be reached counts until its lease would have expired: that is no reason
        to call what was taken away not taken.
        """
        with _bearing("places-not-freed", len(leases)):
            await self._ledger.give(_held(of), leases)


@contextmanager
def _bearing(event: str, leases: int) -> Iterator[None]:
    """Bear that too many are counted for a while."""
    try:
        yield
    except StoreUnavailableError as error:
        _log.warning(event, leases=leases, error=str(error))


def _held(of: Counted) -> list[Quota]:
    """Name the quotas of a lease, whatever they allow."""
    return [*(Quota("agent", name, 0) for name in _agents(of)), Quota("tenant", of.tenant, 0)]


def _agents(of: Counted) -> list[str]:
    return list(dict.fromkeys((of.agent, of.actors[0])))
