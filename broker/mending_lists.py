"""Having lists that differ from the ledger looked after at once, by an operator's order.

No list is written from here. It is marked in the ledger as one that nobody can be sure of, which
brokers find within seconds, whether anything need stand in it or not; one of them brings it to what
must stand, as it always does. Here it is only waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from broker.comparing import Heard, unheard
from broker.comparing_lists import ListComparing, ListComparison
from broker.model.ban import ListName
from broker.store.ban_ledger import BanLedger
from broker.targets.target import Target

LOOKS: Final = 15
"""How often it is looked whether a broker has written."""

PAUSE_S: Final = 2.0
"""Before each of these looks; brokers ask about as often which lists are to be looked after."""


class MendingLists:
    """Asks for it, and waits. ``sleep`` waits for so many seconds."""

    def __init__(
        self,
        ledger: BanLedger,
        comparing: ListComparing,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._comparing = comparing
        self._sleep = sleep

    async def mend(
        self,
        targets: Mapping[str, Target],
        found: Iterable[ListComparison],
        heard: Heard = unheard,
    ) -> dict[ListName, ListComparison]:
        """Have those mended that may be; return how each of them is then.

        Raises:
            StoreUnavailableError: the ledger does not answer; some may be mended.
        """
        meant = [each for each in found if each.is_mendable]
        for each in meant:
            await self._ledger.doubt(each.name)
        done: list[ListComparison] = []

        async def one(each: ListComparison) -> None:
            done.append(await self._until_mended(targets[each.name.target], each))
            heard("lists mended", len(done), len(meant))

        await asyncio.gather(*(one(each) for each in meant))
        return {each.name: each for each in done}

    async def _until_mended(self, target: Target, last: ListComparison) -> ListComparison:
        for _ in range(LOOKS):
            await self._sleep(PAUSE_S)
            last = await self._comparing.look(target, last.name)
            if last.is_well:
                break
        return last
