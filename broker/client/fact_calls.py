"""The routes of the facts, for operators: look at them, change them, see what follows.

::

    await client.facts.change(
        [{"op": "hold", "tenant": "acme", "ref": "agent:invoice-bot"}], reason="INC-7"
    )

What they raise: :mod:`broker.client.api_errors`, ``.errors``.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

from broker.client import route
from broker.client.fact_results import (
    Changed,
    EntryView,
    HistoryPage,
    Reach,
    RelationshipPage,
    Thing,
    ThingPage,
    ThingView,
)
from broker.client.paging import items
from broker.client.transport import Call, Transport, ensure_about

FactChange = Mapping[str, object]
"""One change as ``docs/api.md`` has it: ``{"op": "hold", "tenant": …, "ref": …}``."""


class FactCalls:
    """Things and relationships of the caller's tenants."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def things(
        self,
        *,
        kind: str = "",
        tenant: str = "",
        status: str = "",
        source: str = "",
        q: str = "",
        cursor: str = "",
        limit: int | None = None,
    ) -> ThingPage:
        """List one page of things, by tenant, kind and name; ``q`` is a glob of names.

        ``source`` is who declared them: ``bundle`` for those of agents.yaml.
        """
        params = route.query(kind=kind, tenant=tenant, status=status, source=source, q=q)
        call = Call("GET", ("v1", "facts", "things"), params=params | route.page(cursor, limit))
        return await self._transport.fetch(call, ThingPage)

    async def all_things(
        self,
        *,
        kind: str = "",
        tenant: str = "",
        status: str = "",
        source: str = "",
        q: str = "",
        at_most: int | None = None,
    ) -> AsyncIterator[Thing]:
        """Yield things, page by page: all, or so many at most."""

        async def page(cursor: str) -> ThingPage:
            return await self.things(
                kind=kind, tenant=tenant, status=status, source=source, q=q, cursor=cursor
            )

        async for thing in items(page, lambda found: found.things, at_most=at_most):
            yield thing

    async def thing(self, ref: str, *, tenant: str) -> ThingView:
        """Return a thing (``ticket:T-1``) with its relationships both ways."""
        call = Call("GET", route.thing_path(ref, tenant))
        found = await self._transport.fetch(call, ThingView)
        ensure_about(ref, found.ref)
        return found

    async def relationships(
        self,
        *,
        tenant: str = "",
        subject: str = "",
        relation: str = "",
        object: str = "",  # noqa: A002 - the API's own word
        cursor: str = "",
        limit: int | None = None,
    ) -> RelationshipPage:
        """List one page of relationships: all, or those of a subject, a relation, an object."""
        params = route.query(tenant=tenant, subject=subject, relation=relation, object=object)
        path = ("v1", "facts", "relationships")
        call = Call("GET", path, params=params | route.page(cursor, limit))
        return await self._transport.fetch(call, RelationshipPage)

    async def change(
        self,
        changes: Sequence[FactChange],
        *,
        reason: str,
        source: str = "",
        base: int | None = None,
        dry_run: bool = False,
        accept: str = "",
        idempotency_key: str = "",
    ) -> Changed:
        """Change facts, all of it or nothing.

        Args:
            changes: what to put, drop, relate, unrelate, hold and lift.
            reason: why, for the audit trail.
            source: on whose behalf they are declared; by hand when it is left away.
            base: refuse when another revision than this one stands.
            dry_run: change nothing; say which live credentials would die.
            accept: the digest of the deaths that are meant, when there are many.
            idempotency_key: made when it is not given.

        Raises:
            ChangeRejectedError: something in it cannot be; ``problem.faults`` has all of it.
            SupersededError: another revision than ``base`` stands.
            WouldKillManyError: it would end many live credentials, and ``accept`` is not them.
        """
        what = {"changes": [dict(each) for each in changes], **route.body(source=source)}
        how = _how(reason, base, accept, dry_run=dry_run)
        return await self._order(("v1", "facts", "changes"), what | how, idempotency_key)

    async def reach(
        self,
        *,
        of: str = "",
        to: str = "",
        tenant: str = "",
        cursor: str = "",
        limit: int | None = None,
    ) -> Reach:
        """Return what a thing reaches (``of``), or what reaches it (``to``), each with a way."""
        params = {**route.query(to=to, tenant=tenant), **({"from": of} if of else {})}
        call = Call("GET", ("v1", "facts", "reach"), params=params | route.page(cursor, limit))
        return await self._transport.fetch(call, Reach)

    async def history(
        self, *, tenant: str = "", cursor: str = "", limit: int | None = None
    ) -> HistoryPage:
        """List one page of what was changed, newest first: by whom, when and why."""
        params = route.query(tenant=tenant)
        call = Call("GET", ("v1", "facts", "history"), params=params | route.page(cursor, limit))
        return await self._transport.fetch(call, HistoryPage)

    async def revision(
        self, revision: int, *, cursor: str = "", limit: int | None = None
    ) -> EntryView:
        """Return one revision with one page of its changes."""
        call = Call("GET", route.history_path(revision), params=route.page(cursor, limit))
        return await self._transport.fetch(call, EntryView)

    async def roll_back(
        self,
        revision: int,
        *,
        reason: str,
        base: int | None = None,
        dry_run: bool = False,
        accept: str = "",
        idempotency_key: str = "",
    ) -> Changed:
        """Take back what a revision changed, as a new revision; arguments as for a change.

        Raises:
            ChangeRejectedError: what was changed since stands in the way.
            SupersededError: another revision than ``base`` stands.
            WouldKillManyError: it would end many live credentials, and ``accept`` is not them.
        """
        path = route.history_path(revision, "rollback")
        how = _how(reason, base, accept, dry_run=dry_run)
        return await self._order(path, how, idempotency_key)

    async def _order(
        self, path: tuple[str, ...], members: Mapping[str, object], idempotency_key: str
    ) -> Changed:
        key = idempotency_key or route.new_idempotency_key()
        call = Call("POST", path, json=members, idempotency_key=key)
        return await self._transport.fetch(call, Changed)


def _how(reason: str, base: int | None, accept: str, *, dry_run: bool) -> dict[str, object]:
    """Say how facts are to be changed; what was not given is the broker's own default."""
    return route.body(reason=reason, base=base, accept=accept, dry_run=dry_run or None)
