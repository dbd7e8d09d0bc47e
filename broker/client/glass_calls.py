"""The routes of emergencies. What they raise: :mod:`broker.client.api_errors`, ``.errors``."""

from collections.abc import AsyncIterator, Sequence

from broker.client import route
from broker.client.glass_results import BreakGlass, BreakGlassList
from broker.client.paging import items
from broker.client.results import IssuedCredential
from broker.client.transport import Call, Transport, ensure_about, ensure_id
from broker.ids import parse_glass_id, parse_lease_id


class GlassCalls:
    """Ask, agree, fetch, end and answer for. For people; the agent fetches, operators look."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def ask(
        self,
        task: str,
        capability: str,
        *,
        scopes: Sequence[str],
        reason: str,
        incident: str,
        ttl_seconds: int | None = None,
        idempotency_key: str = "",
    ) -> BreakGlass:
        """Ask for a capability that is declared for emergencies, for a task of an agent."""
        members = route.body(
            task=task,
            capability=capability,
            scopes=list(scopes),
            reason=reason,
            incident=incident,
            ttl_seconds=ttl_seconds,
        )
        key = idempotency_key or route.new_idempotency_key()
        call = Call("POST", ("v1", "break-glass"), json=members, idempotency_key=key)
        return ensure_id(await self._transport.fetch(call, BreakGlass), parse_glass_id)

    async def confirm(self, glass: str, *, digest: str) -> BreakGlass:
        """Agree to exactly what the digest stands for; when enough have, it opens."""
        return await self._change(glass, "confirm", {"digest": digest})

    async def find(
        self, *, only: str = "", cursor: str = "", limit: int | None = None
    ) -> BreakGlassList:
        """List one page of them, newest first: all, ``open`` ones, or those ``unreviewed``."""
        params = route.query(only=only) | route.page(cursor, limit)
        call = Call("GET", ("v1", "break-glass"), params=params)
        return await self._transport.fetch(call, BreakGlassList)

    async def all(self, *, only: str = "", at_most: int | None = None) -> AsyncIterator[BreakGlass]:
        """Yield them, page by page: all, or so many at most."""

        async def page(cursor: str) -> BreakGlassList:
            return await self.find(only=only, cursor=cursor)

        async for found in items(page, lambda one: one.break_glass, at_most=at_most):
            yield found

    async def show(self, glass: str) -> BreakGlass:
        """Return one."""
        found = await self._transport.fetch(Call("GET", route.glass_path(glass)), BreakGlass)
        ensure_about(glass, found.id)
        return found

    async def fetch(self, glass: str) -> IssuedCredential:
        """Fetch its one credential, as the instance of its task."""
        path = route.glass_path(glass, "credential")
        call = Call("POST", path, json={}, proves_key=True)
        return ensure_id(await self._transport.fetch(call, IssuedCredential), parse_lease_id)

    async def end(self, glass: str) -> BreakGlass:
        """End it now, with what was had by it."""
        return await self._change(glass, "end", {})

    async def review(self, glass: str, *, words: str) -> BreakGlass:
        """Answer for it, as somebody who had no part in it."""
        return await self._change(glass, "review", {"words": words})

    async def _change(self, glass: str, what: str, members: dict[str, object]) -> BreakGlass:
        call = Call("POST", route.glass_path(glass, what), json=members)
        found = await self._transport.fetch(call, BreakGlass)
        ensure_about(glass, found.id)
        return found
