"""The broker's client for programs without an event loop: the same calls, each waits.

::

    with SyncBrokerClient("https://broker.example", token_file(path)) as client:
        with client.task(name="reconcile", agent="invoice-bot", …) as task:
            credential = task.credential("orders-api", scopes=("orders:read",))
            call(url, headers=credential.headers("GET", url))

Threads may share one client. A forked child must make its own.
"""

import asyncio
import inspect
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

from broker.client.api import BrokerClient
from broker.client.credential_calls import NO_TOOL
from broker.client.endpoint import TokenSource, open_session
from broker.client.errors import ClosedError, ForkedError
from broker.client.held import HeldCredential
from broker.client.loop_thread import LoopThread
from broker.client.reaching import WITHIN_SECONDS
from broker.client.renewing import HAND_OVER_SECONDS
from broker.client.results import IssuedCredential, Report, Task
from broker.client.sync_calls import (
    SyncApprovalCalls,
    SyncCredentialCalls,
    SyncFactCalls,
    SyncFindingCalls,
    SyncGlassCalls,
    SyncOperatorCalls,
    SyncReviewCalls,
    SyncSessionCalls,
    SyncSignalCalls,
    SyncTaskCalls,
)
from broker.client.task_scope import TaskScope
from broker.client.tls import Tls
from broker.client.unhurried import finished
from broker.proof.dpop_key import DpopKey
from broker.secret import Secret

AnyTokenSource = TokenSource | Callable[[], str]
"""Returns a workload token that is good now, async or not; asked before every request."""


class SyncHeldCredential:
    """A :class:`HeldCredential` for threads: renewed in the background, shared by all."""

    def __init__(self, held: HeldCredential, thread: LoopThread) -> None:
        self._held = held
        self._thread = thread

    @property
    def current(self) -> IssuedCredential:
        """The newest answer of the broker."""
        return self._held.current

    def token(self) -> Secret:
        """Return the current token (:meth:`HeldCredential.token`)."""
        return self._thread.run(self._held.token())

    def headers(self, method: str, url: str) -> dict[str, str]:
        """Return the headers of one request (:meth:`HeldCredential.headers`)."""
        return self._thread.run(self._held.headers(method, url))

    def heed(self, url: str, headers: Mapping[str, str]) -> bool:
        """Take the DPoP nonce out of a resource server's answer (:meth:`HeldCredential.heed`)."""
        return self._held.heed(url, headers)

    def refused(self, authorization: str) -> bool:
        """Renew because a server has refused this header (:meth:`HeldCredential.refused`)."""
        return self._thread.run(self._held.refused(authorization))

    def tls_context(self) -> ssl.SSLContext:
        """Return what to connect with when bound to a certificate.

        Take it for each request, the certificate rotates: :meth:`HeldCredential.tls_context`.
        """
        return self._thread.run(self._held.tls_context())

    def secret(self) -> dict[str, Secret]:
        """Return the current words of a credential at a target (:meth:`HeldCredential.secret`)."""
        return self._thread.run(self._held.secret())

    def authorization(self) -> dict[str, str]:
        """Return the header of an unbound credential (:meth:`HeldCredential.authorization`)."""
        return self._thread.run(self._held.authorization())


class SyncTaskScope:
    """An open task as a context manager (:class:`TaskScope`).

    Ended on every way out, also when the interpreter ends while a daemon thread is still inside.
    """

    def __init__(self, scope: TaskScope, thread: LoopThread) -> None:
        self._scope = scope
        self._thread = thread

    @property
    def id(self) -> str:
        """The task's id."""
        return self._scope.id

    @property
    def opened(self) -> Task:
        """The task as the broker opened it."""
        return self._scope.opened

    @property
    def report(self) -> Report | None:
        """The first page of the receipts, or all that was waited for, after the end."""
        return self._scope.report

    @property
    def is_lost(self) -> bool:
        """Tell whether the broker has said that the task is over: stop working."""
        return self._scope.was_ended.is_set()

    def ensure_open(self) -> None:
        """Return as long as nothing has been heard of the task's end; else TaskLostError."""
        self._scope.ensure_open()

    def issue(
        self,
        capability: str,
        *,
        scopes: tuple[str, ...],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
        wait_for_approval: float = 0,
    ) -> IssuedCredential:
        """Ask for a credential within this task; wait so long for people who have to agree."""
        work = self._scope.issue(
            capability,
            scopes=scopes,
            ttl_seconds=ttl_seconds,
            tool=tool,
            wait_for_approval=wait_for_approval,
        )
        return self._thread.run(work)

    def credential(
        self,
        capability: str,
        *,
        scopes: tuple[str, ...],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
        hand_over_seconds: float = HAND_OVER_SECONDS,
    ) -> SyncHeldCredential:
        """Ask for a credential and keep it fresh until the task ends (:class:`TaskScope`)."""
        work = self._scope.credential(
            capability,
            scopes=scopes,
            ttl_seconds=ttl_seconds,
            tool=tool,
            hand_over_seconds=hand_over_seconds,
        )
        return SyncHeldCredential(self._thread.run(work), self._thread)

    def __enter__(self) -> Self:
        self._thread.run(self._entered())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._thread.run(self._left(kind, error, trace))
        except (ForkedError, ClosedError) as refusal:  # not ours to end, or ended by the close
            if error is None:
                raise
            error.add_note(f"the task {self.id} was not ended here: {refusal}")

    async def _entered(self) -> None:
        await self._scope.__aenter__()
        self._thread.keep(self, self._abandoned)

    async def _left(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leaving = asyncio.create_task(self._scope.__aexit__(kind, error, trace))
        self._thread.keep(self, partial(finished, leaving))
        try:
            # Who interrupts the waiting thread does not stop the report: the close waits for it.
            await asyncio.shield(leaving)
        finally:
            if leaving.done():
                self._thread.release(self)

    async def _abandoned(self) -> None:
        await self._scope.__aexit__(SystemExit, SystemExit(), None)


class SyncBrokerClient:
    """All routes of the broker's API, for threads. Close it, or use it in a ``with`` block."""

    def __init__(
        self,
        base_url: str,
        token_source: AnyTokenSource | None,
        *,
        timeout_seconds: float = 10.0,
        patience_seconds: float = 30.0,
        allow_plain_http: bool = False,
        key: DpopKey | None = None,
        tls: Tls | None = None,
    ) -> None:
        """Fix the broker and the identity; the arguments are :class:`BrokerClient`'s.

        Raises:
            ValueError: the URL is not fit to carry tokens.
        """
        self._thread, self._stack = LoopThread(), AsyncExitStack()

        async def build() -> BrokerClient:
            session = await self._stack.enter_async_context(open_session())
            return BrokerClient(
                base_url,
                None if token_source is None else _awaitable(token_source),
                session,
                timeout_seconds=timeout_seconds,
                patience_seconds=patience_seconds,
                allow_plain_http=allow_plain_http,
                key=key,
                tls=tls,
            )

        self._thread.keep(self._stack, self._stack.aclose)
        try:
            self._client = self._thread.run(build())
        except BaseException:
            self._thread.close()
            raise
        self.tasks = SyncTaskCalls(self._client.tasks, self._thread)
        self.credentials = SyncCredentialCalls(self._client.credentials, self._thread)
        self.operator = SyncOperatorCalls(self._client.operator, self._thread)
        self.facts = SyncFactCalls(self._client.facts, self._thread)
        self.sessions = SyncSessionCalls(self._client.sessions, self._thread)
        self.findings = SyncFindingCalls(self._client.findings, self._thread)
        self.signals = SyncSignalCalls(self._client.signals, self._thread)
        self.break_glass = SyncGlassCalls(self._client.break_glass, self._thread)

    @property
    def reviews(self) -> SyncReviewCalls:
        """What owners look at, and their answers."""
        return SyncReviewCalls(self._client.reviews, self._thread)

    @property
    def approvals(self) -> SyncApprovalCalls:
        """What waits for people, and their answers."""
        return SyncApprovalCalls(self._client.approvals, self._thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel the tasks whose blocks are still open, and end. Harmless when repeated."""
        self._thread.close()

    def task(self, **members: Any) -> SyncTaskScope:  # noqa: ANN401  exactly the keywords of TaskCalls.open
        """Open a task for the length of a ``with`` block."""
        return SyncTaskScope(self._client.task(**members), self._thread)

    def claim(
        self, task: str, handle: Secret, *, wait: str = "", wait_seconds: float = WITHIN_SECONDS
    ) -> SyncTaskScope:
        """Claim a task by its handle, for the length of a ``with`` block."""
        scope = self._client.claim(task, handle, wait=wait, wait_seconds=wait_seconds)
        return SyncTaskScope(scope, self._thread)

    def resume(
        self, task: str, *, wait: str = "", wait_seconds: float = WITHIN_SECONDS
    ) -> SyncTaskScope:
        """Work on a task that names this instance already, for the length of a ``with`` block."""
        scope = self._client.resume(task, wait=wait, wait_seconds=wait_seconds)
        return SyncTaskScope(scope, self._thread)

    def readiness(self) -> tuple[bool, str]:
        """Return whether the broker gives access now, and what it says of itself."""
        return self._thread.run(self._client.readiness())

    def is_healthy(self) -> bool:
        """Tell whether the broker's process answers."""
        return self._thread.run(self._client.is_healthy())


def _awaitable(source: AnyTokenSource) -> TokenSource:
    """Ask an async source as it is, and any other in a helper thread: it may read a file."""

    async def ask() -> str:
        if inspect.iscoroutinefunction(source):
            return str(await source())
        said: str | Awaitable[str] = await asyncio.to_thread(partial(source))
        return said if isinstance(said, str) else await said

    return ask
