"""Having lists that differ from the ledger written at once, by an operator's order.

    tell (audit) ─ remember the list ─ doubt it ─ look after it, as a broker does ─ compare

A list that is doubted is looked after by whoever comes first, a broker or whoever gives the order:
both take the same claim and write the same, so it does not matter whether a broker runs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from broker.bans import Bans
from broker.comparing import Heard, unheard
from broker.comparing_lists import ListComparing, ListComparison
from broker.model.ban import ListName
from broker.store.ban_ledger import BanLedger
from broker.store.reconciliations import Reconciliations
from broker.targets.target import Target

LOOKS: Final = 15
"""How often it is tried, and looked whether it has been written."""

PAUSE_S: Final = 2.0
"""After each of these looks."""


@dataclass(frozen=True, slots=True)
class ListOrder:
    """Who wants lists to be written, and why.

    ``is_taking_over``: also what another ledger has left where this one wants nothing to stand. It
    goes on refusing for as long as any session may live that it refuses, and goes then.
    """

    by: str
    reason: str
    is_taking_over: bool = False

    def means(self, one: ListComparison) -> bool:
        """Tell whether a list is to be written."""
        return one.is_mendable or (self.is_taking_over and one.is_another_s)


class MendingLists:
    """Has them written. ``sleep`` waits for so many seconds."""

    def __init__(
        self,
        ledger: BanLedger,
        kept: Reconciliations,
        comparing: ListComparing,
        bans: Bans,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._kept = kept
        self._comparing = comparing
        self._bans = bans
        self._sleep = sleep

    async def mend(
        self,
        targets: Mapping[str, Target],
        found: Iterable[ListComparison],
        order: ListOrder,
        heard: Heard = unheard,
    ) -> dict[ListName, ListComparison]:
        """Have those mended that may be; return how each of them is then.

        Raises:
            StoreUnavailableError: the ledger does not answer; some may be mended.
        """
        left = {each.name: each for each in found if order.means(each)}
        for each in left.values():
            await self._order(each, order)
        done: dict[ListName, ListComparison] = {}
        for look in range(LOOKS if left else 0):
            if look:
                await self._sleep(PAUSE_S)
            await self._bans.look()
            await self._bans.rested()
            for name in list(left):
                left[name] = await self._comparing.look(targets[name.target], name)
                if left[name].is_well:
                    done[name] = left.pop(name)
            heard("lists mended", len(done), len(done) + len(left))
            if not left:
                break
        result = {**done, **left}
        for each in result.values():
            outcome = "mended" if each.is_well else "waits"
            await self._kept.tell("list.mended", "", {**_detail(each), "state": outcome})
        return result

    async def _order(self, one: ListComparison, order: ListOrder) -> None:
        """Put it into the audit trail first: whatever dies in between, it is there."""
        said = {"by": order.by, "reason": order.reason, "document": one.document.value}
        entries = {"missing": len(one.missing), "left_over": len(one.left_over)}
        await self._kept.tell("list.ordered", "", {**_detail(one), **said, **entries})
        await self._ledger.know(one.name)
        await self._ledger.doubt(one.name)


def _detail(one: ListComparison) -> dict[str, str]:
    return {"target": one.name.target, "identity": one.name.identity, "list": one.name.at}
