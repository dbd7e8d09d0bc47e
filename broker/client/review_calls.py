"""The routes of reviews, for owners and operators.

What they raise: :mod:`broker.client.api_errors`, ``.errors``.
"""

from collections.abc import AsyncIterator, Sequence

from broker.client import route
from broker.client.paging import items
from broker.client.review_results import Review, ReviewedAgent, ReviewedPage, ReviewPage
from broker.client.transport import Call, Transport, ensure_about


class ReviewCalls:
    """What owners are asked about their agents, and their answers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def find(
        self, *, tenant: str = "", state: str = "", cursor: str = "", limit: int | None = None
    ) -> ReviewPage:
        """List one page of the reviews that the caller may see, the newest first."""
        params = route.query(tenant=tenant, state=state) | route.page(cursor, limit)
        return await self._transport.fetch(
            Call("GET", ("v1", "reviews"), params=params), ReviewPage
        )

    async def show(self, review: str) -> Review:
        """Return a review."""
        found = await self._transport.fetch(Call("GET", route.review_path(review)), Review)
        ensure_about(review, found.id)
        return found

    async def agents(
        self, review: str, *, cursor: str = "", limit: int | None = None
    ) -> ReviewedPage:
        """List one page of a review's agents by name, with what was answered about each."""
        call = Call("GET", route.review_path(review, "agents"), params=route.page(cursor, limit))
        return await self._transport.fetch(call, ReviewedPage)

    async def all_agents(
        self, review: str, *, at_most: int | None = None
    ) -> AsyncIterator[ReviewedAgent]:
        """Yield a review's agents by name: all, or so many at most."""

        async def page(cursor: str) -> ReviewedPage:
            return await self.agents(review, cursor=cursor)

        async for each in items(page, lambda found: found.agents, at_most=at_most):
            yield each

    async def answer(
        self,
        review: str,
        agent: str,
        verdict: str,
        *,
        packet: str,
        reason: str,
        ceiling: Sequence[str] = (),
        review_by: str = "",
    ) -> ReviewedAgent:
        """Answer about one agent; the same answer again is the same.

        Args:
            review: which one.
            agent: whom the answer is about.
            verdict: ``keep``, ``narrow`` or ``revoke``.
            packet: the digest of the packet that was looked at.
            reason: why, for the audit trail.
            ceiling: what a narrowed agent may still be granted; by default what is suggested.
            review_by: until when it is in order; by default what the review says.
        """
        members = route.body(
            agent=agent,
            packet=packet,
            verdict=verdict,
            reason=reason,
            ceiling=list(ceiling),
            review_by=review_by,
        )
        path, key = route.review_path(review, "answers"), route.new_idempotency_key()
        call = Call("POST", path, json=members, idempotency_key=key)
        return await self._transport.fetch(call, ReviewedAgent)
