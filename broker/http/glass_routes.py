"""Emergencies: ask, agree, fetch, end, answer for it."""

from aiohttp import web

from broker import ids, text
from broker.breaking_glass import AskGlass
from broker.errors import InvalidRequestError
from broker.http import parse, query, render, wire
from broker.http.bodies import Bodies
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.render_glass import shown
from broker.http.services import Services
from broker.http.table import Table

ONLY = ("open", "unreviewed")
"""What the list can be narrowed to."""


class GlassRoutes:
    """``/v1/break-glass…``."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._services = services
        self._glass = services.glass
        self._bodies = bodies

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.change("/v1/break-glass", self.ask)
        table.read("/v1/break-glass", self.find, "only", *query.PAGE)
        table.read("/v1/break-glass/{glass}", self.show)
        table.change("/v1/break-glass/{glass}/confirm", self.confirm)
        table.change("/v1/break-glass/{glass}/credential", self.fetch)
        table.change("/v1/break-glass/{glass}/end", self.end)
        table.change("/v1/break-glass/{glass}/review", self.review)

    async def ask(self, request: web.Request) -> web.Response:
        """Ask to break glass."""
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, wire.AskGlassBody)
        asked = await self._glass.breaking.ask(request[PRINCIPAL], self._asked(body), key)
        location = {"Location": f"/v1/break-glass/{asked.spec.id}"}
        return render.reply(shown(asked), status=201, headers=location)

    async def find(self, request: web.Request) -> web.Response:
        """List them, the newest first."""
        only = request[QUERY].get("only")
        if only is not None and only not in ONLY:
            raise InvalidRequestError("use open or unreviewed", field="only")
        window = query.window(request)
        page = await self._glass.desk.find(
            request[PRINCIPAL], only or "", window.cursor, window.limit
        )
        following = render.next_link("/v1/break-glass", page.cursor, window)
        return render.reply(render.listing("break_glass", [*map(shown, page.found)], following))

    async def show(self, request: web.Request) -> web.Response:
        """Show one."""
        return render.reply(shown(await self._glass.desk.show(request[PRINCIPAL], _id(request))))

    async def confirm(self, request: web.Request) -> web.Response:
        """Agree to exactly this."""
        glass = _id(request)
        body = await self._bodies.json(request, wire.ConfirmGlassBody)
        digest = parse.digest(body.digest, "digest")
        agreed = await self._glass.breaking.confirm(request[PRINCIPAL], glass, digest)
        return render.reply(shown(agreed))

    async def fetch(self, request: web.Request) -> web.Response:
        """Give the one credential to the task's instance."""
        glass = _id(request)
        await self._bodies.json_or_nothing(request, wire.EmptyBody)
        issued = await self._glass.minting.fetch(request[PRINCIPAL], glass)
        document = render.issued(issued, now_ms=self._services.clock.now_ms())
        location = {"Location": f"/v1/credentials/{issued.lease.spec.id}"}
        return render.reply(document, status=201, headers=location)

    async def end(self, request: web.Request) -> web.Response:
        """End it, and what was had by it."""
        glass = _id(request)
        await self._bodies.json_or_nothing(request, wire.EmptyBody)
        return render.reply(shown(await self._glass.desk.end(request[PRINCIPAL], glass)))

    async def review(self, request: web.Request) -> web.Response:
        """Answer for it."""
        glass = _id(request)
        body = await self._bodies.json(request, wire.ReviewGlassBody)
        words = text.parse_reason(body.words, field="words")
        reviewed = await self._glass.desk.review(request[PRINCIPAL], glass, words)
        return render.reply(shown(reviewed))

    def _asked(self, body: wire.AskGlassBody) -> AskGlass:
        return AskGlass(
            task=ids.parse_task_id(body.task),
            capability=text.parse_name(body.capability, field="capability"),
            scopes=frozenset(text.parse_scope(each) for each in body.scopes),
            ttl_ms=parse.ttl_or_default(body.ttl_seconds, self._services.limits),
            reason=text.parse_reason(body.reason),
            incident=text.parse_name(body.incident, field="incident"),
        )


def _id(request: web.Request) -> ids.BreakGlassId:
    return ids.parse_glass_id(request.match_info["glass"])
