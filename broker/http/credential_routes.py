"""Credentials: issue, look, renew, give back."""

import asyncio

from aiohttp import web

from broker import ids
from broker.http import filters, parse, query, render, render_approvals, wire
from broker.http.bodies import Bodies
from broker.http.emergencies import Emergencies
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.services import Services
from broker.http.table import Table
from broker.model.approval import Approval
from broker.model.requests import IssuedCredential


class CredentialRoutes:
    """``/v1/tasks/{task}/credentials`` and ``/v1/credentials…``."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._services = services
        self._credentials = services.credentials
        self._bodies = bodies
        self._emergencies = Emergencies(services.glass.desk)

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.change("/v1/tasks/{task}/credentials", self.issue)
        table.read("/v1/tasks/{task}/credentials", self.find, *filters.CREDENTIALS, *query.PAGE)
        table.read("/v1/credentials/{credential}", self.show)
        table.delete("/v1/credentials/{credential}", self.give_back)
        table.change("/v1/credentials/{credential}/renew", self.renew)

    async def issue(self, request: web.Request) -> web.Response:
        """Issue a credential."""
        started = asyncio.get_running_loop().time()
        task = ids.parse_task_id(request.match_info["task"])
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, wire.IssueBody)
        wish = parse.issue(body, self._services.limits)
        issued = await self._services.issuance.issue(request[PRINCIPAL], task, wish, key)
        answer = delivered(issued, now_ms=self._services.clock.now_ms())
        self._services.metrics.issued(asyncio.get_running_loop().time() - started)
        return answer

    async def renew(self, request: web.Request) -> web.Response:
        """Issue the next token of a lease."""
        lease = _id(request)
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json_or_nothing(request, wire.RenewBody)
        ttl_ms = parse.ttl_or_default(body.ttl_seconds, self._services.limits)
        renewed = await self._services.issuance.renew(request[PRINCIPAL], lease, ttl_ms, key)
        shown = render.issued(renewed, now_ms=self._services.clock.now_ms())
        return render.reply(shown, status=201, headers=_location(lease))

    async def find(self, request: web.Request) -> web.Response:
        """List a task's credentials."""
        task = ids.parse_task_id(request.match_info["task"])
        window, which = query.window(request), filters.credentials(request[QUERY])
        page = await self._credentials.find(
            request[PRINCIPAL], task, which, window.cursor, window.limit
        )
        shown = [render.lease(each) for each in page.leases]
        following = render.next_link(f"/v1/tasks/{task}/credentials", page.cursor, window)
        mark = await self._emergencies.of_task(task)
        return render.reply(render.listing("credentials", shown, following) | mark)

    async def show(self, request: web.Request) -> web.Response:
        """Show a credential's record."""
        found = await self._credentials.show(request[PRINCIPAL], _id(request))
        return render.reply(render.lease(found))

    async def give_back(self, request: web.Request) -> web.Response:
        """Take a credential back from its owner."""
        ended = await self._credentials.give_back(request[PRINCIPAL], _id(request))
        return render.reply(render.lease(ended))


def delivered(value: IssuedCredential | Approval, *, now_ms: int) -> web.Response:
    """Deliver a credential; or say that people have to agree first, and where to look."""
    if isinstance(value, Approval):
        where = {
            "Location": render_approvals.path_of(value),
            "Retry-After": render_approvals.RETRY_AFTER,
        }
        return render.reply(render_approvals.waiting(value), status=202, headers=where)
    shown = render.issued(value, now_ms=now_ms)
    return render.reply(shown, status=201, headers=_location(value.lease.spec.id))


def _id(request: web.Request) -> ids.LeaseId:
    return ids.parse_lease_id(request.match_info["credential"])


def _location(lease: ids.LeaseId) -> dict[str, str]:
    return {"Location": f"/v1/credentials/{lease}"}
