"""The routes of approvals. What they raise: :mod:`broker.client.api_errors`, ``.errors``.

Whoever has asked looks, waits and redeems; people look at what they are asked, and answer it::

    seen = await client.approvals.show(approval)
    await client.approvals.approve(seen, reason="the customer called")
"""

from collections.abc import AsyncIterator

from broker.client import route
from broker.client.approval_results import Approval, ApprovalPage, AwaitedApproval
from broker.client.awaiting import answered, look, redeem
from broker.client.paging import items
from broker.client.results import IssuedCredential
from broker.client.transport import Call, Transport, ensure_about


class ApprovalCalls:
    """Wait for an answer, or give one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def find(
        self, *, task: str = "", agent: str = "", cursor: str = "", limit: int | None = None
    ) -> ApprovalPage:
        """List one page of the open ones that the caller may answer, or its tenants'."""
        narrowed = route.query(task=task, agent=agent)
        call = Call("GET", ("v1", "approvals"), params=narrowed | route.page(cursor, limit))
        return await self._transport.fetch(call, ApprovalPage)

    async def all(
        self, *, task: str = "", agent: str = "", at_most: int | None = None
    ) -> AsyncIterator[Approval]:
        """Yield the open ones, page by page: all of them, or so many at most."""

        async def page(cursor: str) -> ApprovalPage:
            return await self.find(task=task, agent=agent, cursor=cursor)

        async for approval in items(page, lambda found: found.approvals, at_most=at_most):
            yield approval

    async def show(self, approval: str) -> Approval:
        """Return what people are asked, for those who may answer and for operators."""
        return await self._about(approval, Call("GET", route.approval_path(approval)))

    async def approve(self, seen: Approval, *, reason: str = "") -> Approval:
        """Say yes to exactly what was seen; it is refused when it has changed since."""
        return await self.answer(
            seen.id, "yes", digest=seen.digest, version=seen.version, reason=reason
        )

    async def deny(self, seen: Approval, *, reason: str = "") -> Approval:
        """Say no: nothing is given on it any more."""
        return await self.answer(seen.id, "no", digest=seen.digest, reason=reason)

    async def answer(
        self,
        approval: str,
        answer: str,
        *,
        digest: str,
        version: int | None = None,
        reason: str = "",
    ) -> Approval:
        """Say ``yes`` or ``no`` to what has this digest; a yes names the version that was seen."""
        members = route.body(answer=answer, digest=digest, version=version, reason=reason)
        path = route.approval_path(approval, "answer")
        return await self._about(approval, Call("POST", path, json=members))

    async def look(self, approval: str, *, wait_seconds: int = 0) -> AwaitedApproval:
        """Look how what the caller has asked for stands, as soon as that has changed."""
        return await look(self._transport, approval, wait_seconds=wait_seconds)

    async def wait(self, approval: str, *, within_seconds: float = 300.0) -> AwaitedApproval:
        """Wait until people have answered, or the time is up; return how it stands."""
        return await answered(self._transport, approval, within_seconds=within_seconds)

    async def redeem(self, approval: str, *, idempotency_key: str = "") -> IssuedCredential:
        """Get what people have agreed to; repeating it is harmless.

        Raises:
            ApprovalAwaitedError: they have not yet.
        """
        return await redeem(self._transport, approval, idempotency_key=idempotency_key)

    async def _about(self, approval: str, call: Call) -> Approval:
        found = await self._transport.fetch(call, Approval)
        ensure_about(approval, found.id)
        return found
