"""Sets of live credentials that operators pick before they take them away."""

from aiohttp import web

from broker.http import parse, query, render, wire
from broker.http.bodies import Bodies
from broker.http.keys import PRINCIPAL
from broker.http.services import Services
from broker.http.table import Table


class SelectionRoutes:
    """``/v1/selections…``."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._selections = services.selections
        self._bodies = bodies

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.change("/v1/selections", self.take)
        table.read("/v1/selections/{selection}", self.show)
        table.read("/v1/selections/{selection}/credentials", self.page, *query.PAGE)

    async def take(self, request: web.Request) -> web.Response:
        """Pick what is alive now. Nothing is revoked: a repeat is harmless without any key."""
        parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, wire.SelectBody)
        taken = await self._selections.take(request[PRINCIPAL], parse.criteria(body))
        location = {"Location": f"/v1/selections/{taken.digest}"}
        return render.reply(render.selection(taken), status=201, headers=location)

    async def show(self, request: web.Request) -> web.Response:
        """Show a set that is kept."""
        found = await self._selections.show(request[PRINCIPAL], _digest(request))
        return render.reply(render.selection(found))

    async def page(self, request: web.Request) -> web.Response:
        """Show some of a set's credentials, as they are now."""
        digest, window = _digest(request), query.window(request)
        page = await self._selections.page(request[PRINCIPAL], digest, window.cursor, window.limit)
        path = f"/v1/selections/{digest}/credentials"
        following = render.next_link(path, page.cursor, window)
        return render.reply(
            render.listing("credentials", [render.picked(each) for each in page.leases], following)
        )


def _digest(request: web.Request) -> str:
    return parse.digest(request.match_info["selection"], "selection")
