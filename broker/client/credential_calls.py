"""The routes of credentials. What they raise: :mod:`broker.client.api_errors`, ``.errors``."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from broker.client import route
from broker.client.approval_results import AwaitedApproval
from broker.client.awaiting import Waiting, followed
from broker.client.levels import Level
from broker.client.paging import items
from broker.client.reaching import WITHIN_SECONDS, Reaching, Reading, Told, tell_nobody
from broker.client.report_pages import pages_of_task
from broker.client.results import Credential, CredentialPage, IssuedCredential, Report
from broker.client.transport import Call, Transport, ensure_about

_NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})

NO_TOOL: Final[Mapping[str, str]] = MappingProxyType({})
"""The agent says nothing of what will use the credential."""


def _wait_unseen(_: AwaitedApproval) -> None:
    """Nobody wants to know."""


class CredentialCalls:
    """Issue, look at, renew and give back credentials."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def issue(  # noqa: PLR0913  one keyword per choice, each with its default
        self,
        task: str,
        capability: str,
        *,
        scopes: Sequence[str],
        ttl_seconds: int | None = None,
        labels: Mapping[str, str] = _NO_LABELS,
        tool: Mapping[str, str] = NO_TOOL,
        idempotency_key: str = "",
        wait_for_approval: float = 0,
        waiting: Waiting = _wait_unseen,
    ) -> IssuedCredential:
        """Ask for a credential within a task. Without a TTL it lives as long as is usual.

        ``tool`` is what it will be used by: its ``name``, ``origin`` and ``digest``.
        Where people have to agree first, it waits so many seconds for them, and calls ``waiting``
        with what it waits for. Restarts of the broker and losses of the way to it are sat out.

        Raises:
            ApprovalAwaitedError: they have not yet; ask again later.
            ApprovalRefusedError: while it waited they said no, or it came to nothing.
        """
        members = route.body(
            capability=capability,
            scopes=list(scopes),
            ttl_seconds=ttl_seconds,
            labels=dict(labels),
            tool=dict(tool),
        )
        key = idempotency_key or route.new_idempotency_key()
        path = route.task_path(task, "credentials")
        call = Call("POST", path, json=members, idempotency_key=key, proves_key=True)
        issued = await followed(
            self._transport,
            call,
            key=idempotency_key,
            within_seconds=wait_for_approval,
            waiting=waiting,
        )
        ensure_about(task, issued.task)
        return issued

    async def find(
        self, task: str, *, cursor: str = "", limit: int | None = None
    ) -> CredentialPage:
        """List one page of a task's credentials, never the secrets themselves."""
        call = Call("GET", route.task_path(task, "credentials"), params=route.page(cursor, limit))
        return await self._transport.fetch(call, CredentialPage)

    async def show(self, credential: str) -> Credential:
        """Return what is known of a credential, never the secret itself."""
        return await self._about(credential, Call("GET", route.credential_path(credential)))

    async def renew(
        self, credential: str, *, ttl_seconds: int | None = None, idempotency_key: str = ""
    ) -> IssuedCredential:
        """Get a younger token of the same credential."""
        members = route.body(ttl_seconds=ttl_seconds)
        key = idempotency_key or route.new_idempotency_key()
        path = route.credential_path(credential, "renew")
        call = Call("POST", path, json=members, idempotency_key=key, proves_key=True)
        renewed = await self._transport.fetch(call, IssuedCredential)
        ensure_about(credential, renewed.id)
        return renewed

    async def give_back(
        self, credential: str, *, wait: str = "", within_seconds: float = WITHIN_SECONDS
    ) -> Credential:
        """Give a credential back before its time; it dies.

        With ``wait`` it returns once its death has come so far (:meth:`reach`).
        """
        level = Level(wait) if wait else None  # before anything is given back
        ended = await self._about(credential, Call("DELETE", route.credential_path(credential)))
        if level is not None:
            await self.reach(credential, level, within_seconds=within_seconds)
        return ended

    async def reach(
        self,
        credential: str,
        level: str = Level.CONFIRMED,
        *,
        within_seconds: float = WITHIN_SECONDS,
        told: Told = tell_nobody,
        reading: Reading = tell_nobody,
    ) -> Report:
        """Wait until the death of one credential has come so far; return its receipt.

        As :meth:`TaskCalls.reach`. One that is alive has no receipt.

        Raises:
            NotReachedError: the time is up, or it dies only of age; it has the report.
            ValueError: there is no such level.
        """
        wanted = Level(level)
        task = (await self.show(credential)).task
        read = pages_of_task(self._transport, task, credential=credential)
        following = Reaching(read, wanted, told=told, reading=reading)
        return (await following.follow(within_seconds)).require(wanted)

    async def all(self, task: str, *, at_most: int | None = None) -> AsyncIterator[Credential]:
        """Yield a task's credentials, page by page: all of them, or so many at most."""

        async def page(cursor: str) -> CredentialPage:
            return await self.find(task, cursor=cursor)

        async for credential in items(page, lambda found: found.credentials, at_most=at_most):
            yield credential

    async def _about(self, credential: str, call: Call) -> Credential:
        found = await self._transport.fetch(call, Credential)
        ensure_about(credential, found.id)
        return found
