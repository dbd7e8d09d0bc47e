"""Who plays in the story: every caller with its own workload token and its own clients."""

import itertools
from collections.abc import Sequence

import aiohttp

from broker.client.api import BrokerClient
from broker.dev.passports import Identity, Passports
from broker.secret import Secret


class Turn:
    """Whose turn it is. Shared by all callers, so that no two calls in a row go to one broker."""

    def __init__(self, brokers: int) -> None:
        self._numbers = itertools.cycle(range(brokers))

    def next(self) -> int:
        """Return the number of the broker that the next call goes to."""
        return next(self._numbers)


class Part:
    """One caller."""

    def __init__(
        self,
        identity: Identity,
        *,
        passports: Passports,
        session: aiohttp.ClientSession,
        brokers: Sequence[str],
        turn: Turn,
    ) -> None:
        self._identity = identity
        self._passports = passports
        self._turn = turn
        self._token: Secret | None = None
        self._clients = [BrokerClient(url, self._show, session) for url in brokers]

    @property
    def name(self) -> str:
        """The registered name."""
        return self._identity.name

    @property
    def instance(self) -> str:
        """Which running copy this is."""
        return self._identity.instance

    def at_next(self) -> BrokerClient:
        """Return the client for one call, to the broker whose turn it is."""
        return self._clients[self._turn.next()]

    async def _show(self) -> str:
        """Return the workload token; it outlives the story, so one is enough."""
        if self._token is None:
            self._token = await self._passports.token(self._identity)
        return self._token.reveal()
