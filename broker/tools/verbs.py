"""What an agent may do about its own credentials: ask, look, renew, give up, and learn why not."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Protocol

from broker.client.api import BrokerClient
from broker.client.credential_calls import NO_TOOL
from broker.client.errors import ClientError
from broker.client.results import Credential, IssuedCredential
from broker.client.unhurried import finished
from broker.tools.places import PlaceError, Places
from broker.tools.refusals import advice, named, told
from broker.tools.words import Given, Refusal, Seen, TaskSeen

_REMEMBERED: Final = 10
"""So many refusals are remembered, the newest first."""

_MOST_LISTED: Final = 200
"""So many credentials of a task are listed: an answer that a model can read."""


class VerbRefusedError(Exception):
    """It was refused; the text is for the agent."""


def wish(capability: str, scopes: list[str]) -> str:
    """Put what was asked for into words."""
    return f"{named([capability])} with {named(scopes) if scopes else 'no scope'}"


class Verbs(Protocol):
    """What an agent may do. Each raises VerbRefusedError, whose text is for the agent."""

    async def task(self) -> TaskSeen:
        """Show the task, and what it may have at most."""
        ...

    async def ask(
        self,
        capability: str,
        scopes: list[str],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
    ) -> Given:
        """Have a credential put somewhere."""
        ...

    async def mine(self) -> list[Seen]:
        """List the credentials of the task, the newest that fit."""
        ...

    async def renew(self, credential: str) -> Given:
        """Have a younger one put in the same place."""
        ...

    async def give_up(self, credential: str) -> Seen:
        """Give one back before its time; it dies, and its place is emptied."""
        ...

    async def why_refused(self) -> list[Refusal]:
        """Return what was refused of late, the newest first."""
        ...


class AgentVerbs:
    """The verbs of one agent within one task, by its own evidence."""

    def __init__(self, client: BrokerClient, task: str, places: Places) -> None:
        self._client = client
        self._task = task
        self._places = places
        self._given: set[str] = set()
        self._refusals: deque[Refusal] = deque(maxlen=_REMEMBERED)

    async def task(self) -> TaskSeen:
        """Show the task, and what it may have at most.

        Raises:
            VerbRefusedError: the broker refuses, or does not answer.
        """
        try:
            task = await self._client.tasks.show(self._task)
        except ClientError as refusal:
            raise self.refused("to see the task", told(refusal)) from refusal
        return TaskSeen(
            task=task.id,
            name=task.name,
            state=task.state,
            is_frozen=task.frozen,
            ends_at=task.deadline,
            may_have={each.capability: sorted(each.scopes) for each in task.ceiling},
            tickets=list(task.tickets),
            resources=list(task.resources),
        )

    async def ask(
        self,
        capability: str,
        scopes: list[str],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
    ) -> Given:
        """Have a credential put somewhere.

        Raises:
            VerbRefusedError: the broker refuses, does not answer, or people have to agree first.
        """
        asked = wish(capability, scopes)
        try:
            return await self._answered(self._issued(capability, scopes, ttl_seconds, tool))
        except ClientError as refusal:
            text = await self._why(refusal, capability, scopes)
            raise self.refused(asked, text) from refusal

    async def mine(self) -> list[Seen]:
        """List the credentials of the task, the newest that fit.

        Raises:
            VerbRefusedError: the broker refuses, or does not answer.
        """
        found = self._client.credentials.all(self._task, at_most=_MOST_LISTED)
        try:
            return [self._seen(each) async for each in found]
        except ClientError as refusal:
            raise self.refused("to list credentials", told(refusal)) from refusal

    async def renew(self, credential: str) -> Given:
        """Have a younger one put in the same place.

        Raises:
            VerbRefusedError: it was not given here, or the broker refuses.
        """
        self._ensure_given(credential, "to renew")
        try:
            return await self._put(await self._client.credentials.renew(credential))
        except ClientError as refusal:
            raise self.refused(f"to renew {credential}", told(refusal)) from refusal

    async def give_up(self, credential: str) -> Seen:
        """Give one back before its time; it dies, and its place is emptied.

        Raises:
            VerbRefusedError: it was not given here, or the broker refuses.
        """
        self._ensure_given(credential, "to give up")
        try:
            ended = await self._client.credentials.give_back(credential)
        except ClientError as refusal:
            raise self.refused(f"to give up {credential}", told(refusal)) from refusal
        self._forget(credential)
        return self._seen(ended)

    async def why_refused(self) -> list[Refusal]:
        """Return what was refused of late, the newest first."""
        return list(self._refusals)

    def refused(self, asked: str, text: str) -> VerbRefusedError:
        """Remember a refusal, and return it to be raised."""
        self._refusals.appendleft(Refusal(asked, text))
        return VerbRefusedError(text)

    async def give_up_all(self) -> None:
        """Give back whatever was given here; what cannot be dies with its task."""
        for credential in sorted(self._given):
            await self._returned(credential)

    async def _issued(
        self,
        capability: str,
        scopes: list[str],
        ttl_seconds: int | None,
        tool: Mapping[str, str],
    ) -> Given:
        issued = await self._client.credentials.issue(
            self._task, capability, scopes=scopes, ttl_seconds=ttl_seconds, tool=tool
        )
        return await self._put(issued)

    async def _answered(self, asking: Coroutine[Any, Any, Given]) -> Given:
        """Wait for the broker; what it gives to an agent that waits no more is given back."""
        answer = asyncio.create_task(asking)
        if not await finished(answer):
            return answer.result()
        if answer.exception() is None:
            await finished(asyncio.create_task(self._returned(answer.result().credential)))
        raise asyncio.CancelledError

    async def _returned(self, credential: str) -> None:
        try:
            await self._client.credentials.give_back(credential)
        except ClientError:
            pass  # it was ended before, or the task's own end will do it
        finally:
            self._forget(credential)

    async def _put(self, issued: IssuedCredential) -> Given:
        try:
            place = self._places.put(issued)
        except PlaceError:
            await self._client.credentials.give_back(issued.id)
            raise
        self._given.add(issued.id)
        return Given(
            credential=issued.id,
            capability=issued.capability,
            scopes=issued.scope.split(),
            expires_at=issued.expires_at,
            place=place,
        )

    def _forget(self, credential: str) -> None:
        self._given.discard(credential)
        self._places.clear(credential)

    def _seen(self, credential: Credential) -> Seen:
        if not credential.alive:
            self._forget(credential.id)
        return Seen(
            credential=credential.id,
            capability=credential.capability,
            scopes=credential.scope.split(),
            expires_at=credential.expires_at,
            alive=credential.alive,
            ended_by=credential.ended_by,
            place=self._places.of(credential.id),
        )

    def _ensure_given(self, credential: str, what: str) -> None:
        if credential not in self._given:
            text = "Refused: that credential was not given here, or has ended. List yours."
            raise self.refused(f"{what} a credential", text)

    async def _why(self, refusal: ClientError, capability: str, scopes: list[str]) -> str:
        try:
            task = await self._client.tasks.show(self._task)
        except ClientError:
            return told(refusal)
        return advice(refusal, task, capability, scopes)
