"""Findings about agents: operators look at them, and say that they have."""

from aiohttp import web

from broker import ids, text
from broker.http import filters, query, render, wire
from broker.http.bodies import Bodies
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.render_findings import finding
from broker.http.services import Services
from broker.http.table import Table


class FindingRoutes:
    """``/v1/findings…``."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._findings = services.findings
        self._bodies = bodies

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.read("/v1/findings", self.find, *filters.FINDINGS, *query.PAGE)
        table.read("/v1/findings/{finding}", self.show)
        table.change("/v1/findings/{finding}/acknowledge", self.acknowledge)

    async def find(self, request: web.Request) -> web.Response:
        """List findings."""
        window, which = query.window(request), filters.findings(request[QUERY])
        page = await self._findings.find(request[PRINCIPAL], which, window.cursor, window.limit)
        following = render.next_link("/v1/findings", page.cursor, window)
        shown = [finding(each) for each in page.findings]
        return render.reply(render.listing("findings", shown, following))

    async def show(self, request: web.Request) -> web.Response:
        """Show a finding."""
        found = await self._findings.show(request[PRINCIPAL], _id(request))
        return render.reply(finding(found))

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Take note that somebody has looked at it."""
        body = await self._bodies.json(request, wire.FreezeBody)
        reason = text.parse_reason(body.reason)
        seen = await self._findings.acknowledge(request[PRINCIPAL], _id(request), reason)
        return render.reply(finding(seen))


def _id(request: web.Request) -> ids.FindingId:
    return ids.parse_finding_id(request.match_info["finding"])
