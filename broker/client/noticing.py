"""Noticing that a credential at a target has ended, by whatever hand.

A target that refuses by a list has to refuse all that it gave until now when the list is full. Whom
that hits has ended in the ledger before, as ``collateral``; nothing tells its holder, so it looks.
Another one follows it. What was ended on purpose, revoked or given back, is followed by none: it is
handed out no more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from broker.client.backoff import SYSTEM_RANDOM
from broker.client.errors import ClientError
from broker.client.held import HeldCredential
from broker.client.renewing import was_collateral
from broker.client.results import Credential

LOOK_SECONDS: Final = 15.0
"""The longest time between two looks at one credential. Such a target gives nothing for about
twenty seconds then, so looking more often would gain nothing."""

_EXPIRED: Final = "expired"
"""Of what has died of age its holder's own clocks tell, and another one may follow."""


class Noticing:
    """Looks at one held credential, whichever is the current one."""

    def __init__(
        self,
        held: HeldCredential,
        show: Callable[[str], Awaitable[Credential]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = SYSTEM_RANDOM,
    ) -> None:
        """Fix what to do.

        Args:
            held: the credential.
            show: asks the broker what has become of one.
            sleep: how to wait.
            random: draws from 0 to 1; a tenth of each pause is left to chance, so that a fleet does
                not look at once.
        """
        self._held = held
        self._show = show
        self._sleep = sleep
        self._random = random

    async def run(self) -> None:
        """Go on until cancelled, or until there will be no other."""
        while self._held.is_renewable:
            await self._sleep(LOOK_SECONDS * (1 - 0.1 * self._random()))
            await self.look()

    async def look(self) -> None:
        """Look once; what has ended is followed by another one, or handed out no more."""
        current = self._held.current.id
        seen = await self._seen(current)
        if seen is None or seen.alive:
            return
        if was_collateral(seen):
            await self._held.supersede(current)
        elif seen.ended_by and seen.ended_by != _EXPIRED:
            self._held.withdraw(current, seen.ended_by)

    async def _seen(self, credential: str) -> Credential | None:
        try:
            return await self._show(credential)
        except ClientError:
            return None  # the next look may tell
