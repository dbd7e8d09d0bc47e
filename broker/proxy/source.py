"""Who holds the credentials: all that the proxy knows of the broker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from broker.reach.reach import Reach
from broker.secret import Secret


class NotHeldError(Exception):
    """The credential has ended, is refused or cannot be had now. The text may be logged."""


@dataclass(frozen=True, slots=True)
class HeldValues:
    """The current values of one credential."""

    credential: str
    """The id of its lease. Another one means that the former has ended."""

    values: Mapping[str, Secret]
    """By the names that templates use: ``access_token``, ``username``, …"""

    reach: Reach | None = None
    """What the lease says that it is for; None: the lease does not say, and routes alone judge."""


class CredentialSource(Protocol):
    """Hands out what is held for each need."""

    async def current(self, need: str) -> HeldValues:
        """Return the values that are good now; renewed ones come by themselves.

        Called for each request and every few seconds of a lasting one, so it must be quick. Safe to
        cancel.

        Raises:
            NotHeldError: there are none; nothing is forwarded.
        """
        ...
