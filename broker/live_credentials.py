"""What an agent holds now: its live credentials, by the judge's word, with bounded work.

The agent's quota names them: it counts too many for a while, never too few (DESIGN §4). So whatever
is alive is among the leases that it counts, and each of these is judged.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.errors import NotFoundError, UnreadableRecordError
from broker.ids import LeaseId
from broker.model.lease import Lease
from broker.store.lease_ledger import LeaseLedger
from broker.store.quotas import QuotaLedger

MOST: Final = 500
"""Leases looked at, those that expire first: as many as an agent may have by default."""

_TOGETHER: Final = 100


@dataclass(frozen=True, slots=True)
class Held:
    """An agent's live credentials: how many, of which capabilities, when the next one expires.

    Unless ``is_complete``, there may be more than were looked at. ``last_issued_ms`` is the newest
    one's; 0 stands for no instant.
    """

    count: int
    capabilities: Mapping[str, int]
    next_expiry_ms: int
    last_issued_ms: int
    is_complete: bool


class LiveCredentials:
    """Looks them up."""

    def __init__(self, quotas: QuotaLedger, leases: LeaseLedger) -> None:
        self._quotas = quotas
        self._leases = leases

    async def of(self, agent: str, tenant: str, now_ms: int) -> Held:
        """Return what an agent of a tenant holds; what it handed on is its helpers' (I16).

        Raises:
            StoreUnavailableError: a part of the ledger does not answer.
        """
        names = await self._quotas.counted("agent", agent, now_ms, MOST + 1)
        looked, is_readable = names[:MOST], True
        alive: list[Lease] = []
        for start in range(0, len(looked), _TOGETHER):
            views, readable = await self._views(looked[start : start + _TOGETHER])
            alive += _own(views, agent, tenant)
            is_readable = is_readable and readable
        return _held(alive, is_complete=is_readable and len(names) <= MOST)

    async def _views(self, names: Sequence[LeaseId]) -> tuple[list[Lease], bool]:
        found = await asyncio.gather(
            *(self._leases.view(name) for name in names), return_exceptions=True
        )
        views, is_readable = [], True
        for each in found:
            if isinstance(each, Lease):
                views.append(each)
            elif isinstance(each, UnreadableRecordError):
                is_readable = False
            elif not isinstance(each, NotFoundError):  # forgotten, or never reserved
                raise each
        return views, is_readable


def _own(views: Iterable[Lease], agent: str, tenant: str) -> list[Lease]:
    return [
        each
        for each in views
        if each.is_alive and each.spec.agent == agent and each.spec.tenant == tenant
    ]


def _held(alive: Sequence[Lease], *, is_complete: bool) -> Held:
    return Held(
        count=len(alive),
        capabilities=Counter(each.spec.capability for each in alive),
        next_expiry_ms=min((each.expires_at_ms for each in alive), default=0),
        last_issued_ms=max((each.issued_at_ms for each in alive), default=0),
        is_complete=is_complete,
    )
