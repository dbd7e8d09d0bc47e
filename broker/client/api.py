"""The broker, for those who call it: agents, orchestrators and operators.

::

    async with open_session() as session:
        client = BrokerClient("https://broker.example", token_file(path), session)
        async with client.task(name="reconcile", agent="invoice-bot", …) as task:
            credential = await task.issue("orders-api", scopes=("orders:read",))
"""

from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp

from broker.client.approval_calls import ApprovalCalls
from broker.client.credential_calls import CredentialCalls
from broker.client.endpoint import Endpoint, TokenSource
from broker.client.fact_calls import FactCalls
from broker.client.finding_calls import FindingCalls
from broker.client.glass_calls import GlassCalls
from broker.client.operator_calls import OperatorCalls
from broker.client.reaching import WITHIN_SECONDS
from broker.client.results import Introspected, OpenedTask, Task
from broker.client.review_calls import ReviewCalls
from broker.client.session_calls import SessionCalls
from broker.client.signal_calls import SignalCalls
from broker.client.task_calls import TaskCalls
from broker.client.task_scope import TaskScope
from broker.client.tls import Tls
from broker.client.transport import Call, Transport
from broker.proof.dpop_key import DpopKey
from broker.secret import Secret


class BrokerClient:
    """All routes of the broker's API (``docs/api.md``), grouped by noun.

    A request is repeated only when that is safe: a GET, a DELETE, or a POST with an idempotency
    key (made here unless given). Safe to share by all tasks of one event loop.
    """

    def __init__(
        self,
        base_url: str,
        token_source: TokenSource | None,
        session: aiohttp.ClientSession,
        *,
        timeout_seconds: float = 10.0,
        patience_seconds: float = 30.0,
        allow_plain_http: bool = False,
        key: DpopKey | None = None,
        tls: Tls | None = None,
    ) -> None:
        """Fix the broker and the identity.

        Args:
            base_url: where the broker is.
            token_source: returns the caller's workload token; asked before every request. None
                where a certificate alone says who calls.
            session: made by :func:`broker.client.endpoint.open_session`; the caller closes it.
            timeout_seconds: how long one try of one request may take.
            patience_seconds: how long all tries of one request may take together.
            allow_plain_http: True lets tokens travel in clear text to another machine.
            key: the agent's own; every credential that is asked for is then bound to it.
            tls: whom to believe, and the certificate to show.

        Raises:
            ValueError: the URL or the session is not fit to carry tokens, or nothing says who
                calls.
        """
        plain = allow_plain_http
        endpoint = Endpoint(
            base_url, token_source, session, allow_plain_http=plain, key=key, tls=tls
        )
        self._transport = Transport(
            endpoint, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds
        )
        self._key, self._tls = key, tls
        self.tasks = TaskCalls(self._transport)
        self.credentials = CredentialCalls(self._transport)
        self.operator = OperatorCalls(self._transport)
        self.facts = FactCalls(self._transport)
        self.approvals, self.reviews = ApprovalCalls(self._transport), ReviewCalls(self._transport)
        self.sessions = SessionCalls(self._transport)
        self.findings, self.signals = FindingCalls(self._transport), SignalCalls(self._transport)
        self.break_glass = GlassCalls(self._transport)

    def task(
        self,
        *,
        cancel_when_lost: bool = False,
        beats_alone: bool = True,
        wait: str = "",
        wait_seconds: float = WITHIN_SECONDS,
        **members: Any,  # noqa: ANN401  exactly the keywords of TaskCalls.open
    ) -> TaskScope:
        """Open a task for the length of an ``async with`` block (:class:`TaskScope`).

        Takes the keywords of :meth:`TaskCalls.open`. With ``cancel_when_lost`` the block is
        cancelled when somebody else ends the task; it then leaves as ``TaskLostError``. Without
        ``beats_alone`` heartbeats go out only after :meth:`TaskScope.show_life`. With ``wait`` (a
        level of :meth:`TaskCalls.reach`) leaving takes until everything is so dead.
        """
        opening = partial(self.tasks.open, **members)
        return self._scope(opening, cancel_when_lost, beats_alone, wait, wait_seconds)

    def claim(
        self,
        task: str,
        handle: Secret,
        *,
        cancel_when_lost: bool = False,
        beats_alone: bool = True,
        wait: str = "",
        wait_seconds: float = WITHIN_SECONDS,
    ) -> TaskScope:
        """Claim a task by its handle, for the length of an ``async with`` block."""
        opening = partial(self.tasks.claim, task, handle)
        return self._scope(opening, cancel_when_lost, beats_alone, wait, wait_seconds)

    def resume(
        self,
        task: str,
        *,
        cancel_when_lost: bool = False,
        beats_alone: bool = True,
        wait: str = "",
        wait_seconds: float = WITHIN_SECONDS,
    ) -> TaskScope:
        """Work on a task that names this instance already, for the length of a block."""
        opening = partial(self.tasks.heartbeat, task)
        return self._scope(opening, cancel_when_lost, beats_alone, wait, wait_seconds)

    def _scope(
        self,
        opening: Callable[[], Coroutine[Any, Any, OpenedTask | Task]],
        cancel_when_lost: bool,  # noqa: FBT001  handed on from a keyword
        beats_alone: bool,  # noqa: FBT001  the same
        wait: str,
        wait_seconds: float,
    ) -> TaskScope:
        return TaskScope(
            self.tasks,
            self.credentials,
            opening,
            cancel_when_lost=cancel_when_lost,
            beats_alone=beats_alone,
            wait=wait,
            wait_seconds=wait_seconds,
            key=self._key,
            tls=self._tls,
        )

    async def introspect(self, token: Secret) -> Introspected:
        """Ask whether a token for the caller's own audience is alive (RFC 7662)."""
        form = {"token": token.reveal(), "token_type_hint": "access_token"}
        call = Call("POST", ("oauth", "introspect"), form=form)
        return await self._transport.fetch(call, Introspected)

    async def acknowledge(self, subscriber: str, seq: int, *, epoch: str) -> None:
        """Tell the feed that everything up to a position is applied."""
        body = {"subscriber": subscriber, "seq": seq, "epoch": epoch}
        await self._transport.done(Call("POST", ("v1", "feed", "ack"), json=body))

    async def key_set(self) -> dict[str, Any]:
        """Return the broker's public keys as a JWK set."""
        return await self._public(".well-known", "jwks.json")

    async def metadata(self) -> dict[str, Any]:
        """Return the authorization server's metadata (RFC 8414)."""
        return await self._public(".well-known", "oauth-authorization-server")

    async def is_healthy(self) -> bool:
        """Tell whether the broker's process answers."""
        call = Call("GET", ("healthz",), is_public=True, is_probe=True)
        return (await self._transport.send(call)).status == HTTPStatus.OK

    async def readiness(self) -> tuple[bool, str]:
        """Return whether the broker gives access now, and what it says of itself."""
        call = Call("GET", ("readyz",), is_public=True, is_probe=True)
        answer = await self._transport.send(call)
        return answer.status == HTTPStatus.OK, answer.body.decode(errors="replace")

    async def metrics(self) -> str:
        """Return the broker's metrics in the text format of Prometheus."""
        answer = await self._transport.done(Call("GET", ("metrics",), is_public=True))
        return answer.body.decode(errors="replace")

    async def _public(self, *path: str) -> dict[str, Any]:
        return await self._transport.fetch(Call("GET", path, is_public=True), dict[str, Any])
