"""Ends that orchestrators tell of, as the edge calls them."""

from collections.abc import Mapping
from typing import Protocol

from broker.model.task import Task
from broker.told_ends import End, Message


class Ends(Protocol):
    """:class:`broker.told_ends.ToldEnds`."""

    async def vouch(self, orchestrator: str, headers: Mapping[str, str], body: bytes) -> Message:
        """Check whose a message is."""
        ...

    async def end(self, message: Message, said: End) -> Task:
        """End what it says has ended."""
        ...
