"""The routes of findings about agents, for operators.

What they raise: :mod:`broker.client.api_errors`, ``.errors``.
"""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from broker.client import route
from broker.client.paging import items
from broker.client.results import Page
from broker.client.transport import Call, Transport, ensure_about
from broker.ids import parse_finding_id


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something odd in what an agent does, what followed, and who has looked at it."""

    id: str
    detector: str
    action: str
    tenant: str
    agent: str
    found_at: datetime
    count: int
    limit: int
    what: str
    tasks: tuple[str, ...]
    evidence: tuple[int, ...]
    did: tuple[str, ...]
    done_at: datetime | None
    acknowledged_by: str
    acknowledged_at: datetime | None
    acknowledged_reason: str


class FindingPage(Page, frozen=True, kw_only=True):
    """One page of findings."""

    findings: tuple[Finding, ...]


class FindingCalls:
    """Findings of the caller's tenants."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def find(
        self,
        *,
        tenant: str = "",
        agent: str = "",
        detector: str = "",
        state: str = "",
        cursor: str = "",
        limit: int | None = None,
    ) -> FindingPage:
        """List one page of them, newest first; ``state``: open or acknowledged."""
        params = route.query(tenant=tenant, agent=agent, detector=detector, state=state)
        call = Call("GET", ("v1", "findings"), params=params | route.page(cursor, limit))
        return await self._transport.fetch(call, FindingPage)

    async def all(
        self,
        *,
        tenant: str = "",
        agent: str = "",
        detector: str = "",
        state: str = "",
        at_most: int | None = None,
    ) -> AsyncIterator[Finding]:
        """Yield them, page by page: all, or so many at most."""

        async def page(cursor: str) -> FindingPage:
            return await self.find(
                tenant=tenant, agent=agent, detector=detector, state=state, cursor=cursor
            )

        async for found in items(page, lambda one: one.findings, at_most=at_most):
            yield found

    async def show(self, finding: str) -> Finding:
        """Return one."""
        return await self._about(finding, Call("GET", _path(finding)))

    async def acknowledge(self, finding: str, *, reason: str) -> Finding:
        """Say that you have looked at it; that thaws nothing."""
        path = (*_path(finding), "acknowledge")
        return await self._about(finding, Call("POST", path, json=route.body(reason=reason)))

    async def _about(self, finding: str, call: Call) -> Finding:
        found = await self._transport.fetch(call, Finding)
        ensure_about(finding, found.id)
        return found


def _path(finding: str) -> tuple[str, ...]:
    return ("v1", "findings", parse_finding_id(finding))
