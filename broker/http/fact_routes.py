"""Facts: what there is, how it hangs together, who changed it, and changing it."""

import re
from typing import Final

from aiohttp import web

from broker.errors import InvalidRequestError
from broker.http import fact_filters, parse, parse_facts, query, render, render_facts
from broker.http.bodies import Bodies
from broker.http.edit_line import EditLine
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.render import reply
from broker.http.services import Services
from broker.http.table import Table
from broker.http.wire_facts import MAX_BYTES, ChangeSetBody, RollBackBody

_THINGS: Final = "/v1/facts/things"
_RELATIONSHIPS: Final = "/v1/facts/relationships"
_REACH: Final = "/v1/facts/reach"
_HISTORY: Final = "/v1/facts/history"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


class FactRoutes:
    """``/v1/facts/…``."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._facts = services.facts
        self._clock = services.clock
        self._bodies = bodies
        self._line = EditLine()

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.read(_THINGS, self.things, *fact_filters.THINGS, *query.PAGE)
        table.read(f"{_THINGS}/{{kind}}/{{tenant}}/{{name}}", self.thing)
        table.read(_RELATIONSHIPS, self.relationships, *fact_filters.RELATIONSHIPS, *query.PAGE)
        table.read(_REACH, self.reach, *fact_filters.REACH, *query.PAGE)
        table.change("/v1/facts/changes", self.change)
        table.read(_HISTORY, self.history, *fact_filters.HISTORY, *query.PAGE)
        table.read(f"{_HISTORY}/{{revision}}", self.revision, *query.PAGE)
        table.change(f"{_HISTORY}/{{revision}}/rollback", self.roll_back)

    async def things(self, request: web.Request) -> web.Response:
        """List things."""
        window, which = query.window(request), fact_filters.things(request[QUERY])
        page = await self._facts.views.things(
            request[PRINCIPAL], which, window.cursor, window.limit
        )
        following = render.next_link(_THINGS, page.cursor, window)
        shown = [render_facts.thing(each) for each in page.things]
        return reply({"things": shown, "revision": page.revision, "next": following})

    async def thing(self, request: web.Request) -> web.Response:
        """Show a thing."""
        ref, tenant = fact_filters.thing(request.match_info)
        view = await self._facts.views.thing(request[PRINCIPAL], ref, tenant)
        return reply(render_facts.view(view))

    async def relationships(self, request: web.Request) -> web.Response:
        """List relationships."""
        window, which = query.window(request), fact_filters.relationships(request[QUERY])
        page = await self._facts.views.relationships(
            request[PRINCIPAL], which, window.cursor, window.limit
        )
        following = render.next_link(_RELATIONSHIPS, page.cursor, window)
        shown = [render_facts.relationship(each) for each in page.relationships]
        return reply({"relationships": shown, "revision": page.revision, "next": following})

    async def reach(self, request: web.Request) -> web.Response:
        """Show what a thing reaches, or is reached from."""
        window, wish = query.window(request), fact_filters.reach(request[QUERY])
        page = await self._facts.reach.follow(request[PRINCIPAL], wish, window.cursor, window.limit)
        following = render.next_link(_REACH, page.cursor, window)
        return reply(render_facts.reach(page, following))

    async def change(self, request: web.Request) -> web.Response:
        """Change facts, or say what that would come to."""
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, ChangeSetBody, max_bytes=MAX_BYTES)
        wish = await parse_facts.wish(request[PRINCIPAL], body, key, self._clock.now_ms())
        with self._line.place(request[PRINCIPAL].ref):
            made = await self._facts.orders.change(request[PRINCIPAL], wish)
        return reply(render_facts.outcome(made))

    async def history(self, request: web.Request) -> web.Response:
        """List what was changed, newest first."""
        window, tenant = query.window(request), fact_filters.tenant(request[QUERY])
        page = await self._facts.history.find(
            request[PRINCIPAL], tenant, window.cursor, window.limit
        )
        following = render.next_link(_HISTORY, page.cursor, window)
        return reply(render.listing("history", render_facts.entries(page), following))

    async def revision(self, request: web.Request) -> web.Response:
        """Show a revision with its changes."""
        number, window = _number(request), query.window(request)
        view = await self._facts.history.show(
            request[PRINCIPAL], number, window.cursor, window.limit
        )
        following = render.next_link(f"{_HISTORY}/{number}", view.cursor, window)
        return reply(render_facts.entry_view(view, following))

    async def roll_back(self, request: web.Request) -> web.Response:
        """Take back what a revision changed, or say what that would come to."""
        number = _number(request)
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, RollBackBody)
        how = parse_facts.how(body, key)
        with self._line.place(request[PRINCIPAL].ref):
            made = await self._facts.orders.roll_back(request[PRINCIPAL], number, how)
        return reply(render_facts.outcome(made))


def _number(request: web.Request) -> int:
    number = request.match_info["revision"]
    if _NUMBER.fullmatch(number) is None:
        raise InvalidRequestError("not a revision: write its number", field="revision")
    return int(number)
