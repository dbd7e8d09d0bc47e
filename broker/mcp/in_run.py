"""The agent's verbs within a run: its desk does them, and this process has no evidence."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from broker.client.credential_calls import NO_TOOL
from broker.daemon_thread import in_daemon_thread
from broker.running.desk_client import DeskClient
from broker.running.desk_verbs import CredentialsTold, RefusalsTold
from broker.running.errors import RunError, VerbNotDoneError
from broker.tools.refusals import told
from broker.tools.verbs import VerbRefusedError
from broker.tools.words import Given, Refusal, Seen, TaskSeen

T = TypeVar("T")

WITHIN_SECONDS: Final = 75.0
"""How long a verb may take: the run asks the broker twice at most, 30 s each."""

_FILE: Final = "file"


class RunVerbs:
    """The verbs of the agent in one run."""

    def __init__(self, desk: DeskClient) -> None:
        self._desk = desk
        self._given: set[str] = set()

    async def task(self) -> TaskSeen:
        """Show the task, and what it may have at most."""
        return await self._done("task", {}, TaskSeen)

    async def ask(
        self,
        capability: str,
        scopes: list[str],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
    ) -> Given:
        """Have a credential put somewhere."""
        members: dict[str, object] = {"capability": capability, "scopes": scopes}
        if ttl_seconds is not None:
            members["ttl_seconds"] = ttl_seconds
        if tool:
            members["tool"] = dict(tool)
        given = await self._done("ask", members, Given)
        if given.place.kind == _FILE:
            self._given.add(given.credential)
        return given

    async def mine(self) -> list[Seen]:
        """List the credentials of the task, the newest that fit."""
        return (await self._done("list", {}, CredentialsTold)).credentials

    async def renew(self, credential: str) -> Given:
        """Have a younger one put in the same place."""
        return await self._done("renew", {"credential": credential}, Given)

    async def give_up(self, credential: str) -> Seen:
        """Give one back before its time; it dies, and its place is emptied."""
        ended = await self._done("give-up", {"credential": credential}, Seen)
        self._given.discard(credential)
        return ended

    async def why_refused(self) -> list[Refusal]:
        """Return what was refused of late, the newest first."""
        return (await self._done("why-refused", {}, RefusalsTold)).refusals

    async def give_up_all(self) -> None:
        """Give back what was given by way of us; what cannot be dies with the run."""
        for credential in sorted(self._given):
            with suppress(VerbRefusedError):
                await self.give_up(credential)

    async def _done(self, verb: str, members: Mapping[str, object], kind: type[T]) -> T:
        try:
            return await in_daemon_thread(partial(self._desk.verb, verb, members, kind))
        except VerbNotDoneError as refusal:
            raise VerbRefusedError(str(refusal)) from refusal
        except RunError as trouble:
            raise VerbRefusedError(told(trouble)) from trouble
