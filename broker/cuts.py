"""Which cuts stand, for operators of all that they reach.

A cut outlives what it killed, so that nothing of it comes back; until then it is worth knowing.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from broker.errors import NotFoundError, UnreadableRecordError
from broker.ids import parse_revocation_id
from broker.model.principal import ALL_TENANTS, Principal
from broker.model.requests import SelectorKind
from broker.ownership import require_operator
from broker.store.cut_ledger import Cut, CutLedger, Mark
from broker.store.ledger_clock import LedgerClock
from broker.store.revocation_ledger import RevocationLedger


@dataclass(frozen=True, slots=True)
class StandingCut:
    """A cut that stands: nothing of it that was issued before is alive, until it is forgotten.

    ``buckets`` of the ledger have it. Who ordered it, and why, is known as long as its order is.
    """

    cut: Cut
    issued_before_ms: int
    until_ms: int
    buckets: int
    revocation: str
    ordered_by: str
    reason: str


class Cuts:
    """Looks cuts up."""

    def __init__(self, cuts: CutLedger, orders: RevocationLedger, clock: LedgerClock) -> None:
        self._cuts = cuts
        self._orders = orders
        self._clock = clock

    async def find(self, caller: Principal) -> list[StandingCut]:
        """Return the cuts that stand, the newest first.

        One that is not confined to a tenant is shown to operators of all tenants only (I16).

        Raises:
            AccessDeniedError: the caller is no operator.
            StoreUnavailableError: a bucket does not answer: a part would pass for the whole.
        """
        require_operator(caller)
        now = max(await self._clock.servers())
        marks = [mark for mark in await self._cuts.standing() if mark.until_ms > now]
        seen = [group for group in _by_cut(marks) if _is_visible(caller, group[0].cut)]
        found = await asyncio.gather(*(self._told(group) for group in seen))
        return sorted(found, key=lambda each: (-each.issued_before_ms, each.cut.field))

    async def _told(self, marks: list[Mark]) -> StandingCut:
        newest = max(marks, key=lambda mark: mark.issued_before_ms)
        ordered_by, reason = await self._order(newest.revocation)
        return StandingCut(
            cut=newest.cut,
            issued_before_ms=newest.issued_before_ms,
            until_ms=max(mark.until_ms for mark in marks),
            buckets=len(marks),
            revocation=newest.revocation,
            ordered_by=ordered_by,
            reason=reason,
        )

    async def _order(self, revocation: str) -> tuple[str, str]:
        if not revocation:
            return "", ""
        try:
            order, _ = await self._orders.find(parse_revocation_id(revocation))
        except (NotFoundError, UnreadableRecordError):
            return "", ""
        return order.ordered_by, order.reason


def _by_cut(marks: Iterable[Mark]) -> Iterator[list[Mark]]:
    groups: dict[str, list[Mark]] = {}
    for mark in marks:
        groups.setdefault(mark.cut.field, []).append(mark)
    yield from groups.values()


def _is_visible(caller: Principal, cut: Cut) -> bool:
    tenant = cut.name if cut.of is SelectorKind.TENANT else cut.tenant
    return caller.answers_for(tenant or ALL_TENANTS)
