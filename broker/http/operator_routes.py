"""What operators do: take access away, look what came of it, ask why."""

from collections.abc import Mapping

from aiohttp import web

from broker import ids, text
from broker.http import filters, parse, query, render, wire
from broker.http.bodies import Bodies
from broker.http.emergencies import Emergencies
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.services import Services
from broker.http.table import Table
from broker.http.waiting import PARAMETER, Waiters


class OperatorRoutes:
    """``/v1/revocations…``, ``/v1/cuts`` and ``/v1/decisions…``."""

    def __init__(self, services: Services, bodies: Bodies, waiters: Waiters) -> None:
        self._waiters = waiters
        self._services = services
        self._revocations = services.revocations
        self._bodies = bodies
        self._emergencies = Emergencies(services.glass.desk)

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.change("/v1/revocations", self.order)
        table.read("/v1/revocations", self.find, *filters.REVOCATIONS, *query.PAGE)
        table.read("/v1/revocations/{revocation}", self.show, PARAMETER)
        narrowing = (*filters.RECEIPTS, *query.PAGE, PARAMETER)
        table.read("/v1/revocations/{revocation}/report", self.report, *narrowing)
        table.read("/v1/cuts", self.cuts)
        table.read("/v1/decisions/{decision}", self.explain)
        table.read("/v1/credentials/{credential}/explanation", self.explain_granted)
        table.ask("/v1/explain", self.suppose)

    async def order(self, request: web.Request) -> web.Response:
        """Take access away; 202 while the cut does not stand in every bucket."""
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, wire.RevokeBody)
        what, why = parse.selector(body), text.parse_reason(body.reason)
        ordered = await self._revocations.order(request[PRINCIPAL], what, why, key)
        location = {"Location": f"/v1/revocations/{ordered.id}"}
        status = 200 if ordered.is_acknowledged else 202
        return render.reply(render.revocation(ordered), status=status, headers=location)

    async def find(self, request: web.Request) -> web.Response:
        """List orders."""
        window, which = query.window(request), filters.revocations(request[QUERY])
        page = await self._services.order_list.find(
            request[PRINCIPAL], which, window.cursor, window.limit
        )
        following = render.next_link("/v1/revocations", page.cursor, window)
        shown = [render.revocation(each) for each in page.revocations]
        return render.reply(render.listing("revocations", shown, following))

    async def show(self, request: web.Request) -> web.Response:
        """Show an order."""
        order, caller = _id(request), request[PRINCIPAL]

        async def look() -> render.Json:
            return render.revocation(await self._revocations.show(caller, order))

        return await self._waiters.answer(request, look)

    async def report(self, request: web.Request) -> web.Response:
        """Show one page of an order's report."""
        order, caller = _id(request), request[PRINCIPAL]
        window, which = query.window(request), filters.receipts(request[QUERY])
        durability = self._services.durability

        async def look() -> render.Json:
            shown = await self._revocations.show(caller, order)
            page = await self._services.reports.of_revocation(
                caller, order, window.cursor, window.limit, which
            )
            return render.revocation_report(shown, page, window, durability)

        return await self._waiters.answer(request, look)

    async def cuts(self, request: web.Request) -> web.Response:
        """List the cuts that stand."""
        found = await self._services.cuts.find(request[PRINCIPAL])
        return render.reply(render.listing("cuts", [render.cut(each) for each in found], None))

    async def explain(self, request: web.Request) -> web.Response:
        """Show why a decision fell as it did."""
        decision = ids.parse_decision_id(request.match_info["decision"])
        told = await self._services.explain.decision(request[PRINCIPAL], decision)
        return render.reply({**told, **await self._marked(told)})

    async def explain_granted(self, request: web.Request) -> web.Response:
        """Show why a credential was granted, and whether it would be now."""
        lease = ids.parse_lease_id(request.match_info["credential"])
        told = await self._services.explain.credential(request[PRINCIPAL], lease)
        return render.reply({**told, **await self._marked(told)})

    async def _marked(self, told: Mapping[str, object]) -> render.Json:
        """Say beside an answer that an emergency is open for the task that it was about."""
        asked = told.get("request")
        task = asked.get("task") if isinstance(asked, Mapping) else None
        return await self._emergencies.of_task(str(task)) if task else {}

    async def suppose(self, request: web.Request) -> web.Response:
        """Show what policy would say to a request that nobody has made."""
        body = await self._bodies.json(request, wire.ExplainBody)
        asked = parse.supposed(body, self._services.limits)
        return render.reply(await self._services.explain.supposed(request[PRINCIPAL], asked))


def _id(request: web.Request) -> ids.RevocationId:
    return ids.parse_revocation_id(request.match_info["revocation"])
