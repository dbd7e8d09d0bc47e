"""Approvals: whoever has asked waits and redeems, people look and answer."""

from aiohttp import hdrs, web

from broker import ids
from broker.approving import Reply
from broker.errors import InvalidRequestError
from broker.http import filters, parse, query, render, render_approvals, wire
from broker.http.bodies import Bodies
from broker.http.credential_routes import delivered
from broker.http.keys import PRINCIPAL
from broker.http.services import Services
from broker.http.table import Table
from broker.http.waiting import PARAMETER, Waiters
from broker.model.approval import Answer


class ApprovalRoutes:
    """``/v1/approvals…``."""

    def __init__(self, services: Services, bodies: Bodies, waiters: Waiters) -> None:
        self._services = services
        self._approvals = services.approvals
        self._bodies = bodies
        self._waiters = waiters

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.read("/v1/approvals", self.find, *filters.APPROVALS, *query.PAGE)
        table.read("/v1/approvals/{approval}", self.show, PARAMETER)
        table.change("/v1/approvals/{approval}/answer", self.answer)
        table.change("/v1/approvals/{approval}/credential", self.redeem)

    async def find(self, request: web.Request) -> web.Response:
        """List what is open."""
        window = query.window(request)
        which = filters.approvals(window.filters)
        page = await self._approvals.find(request[PRINCIPAL], which, window.cursor, window.limit)
        following = render.next_link("/v1/approvals", page.cursor, window)
        shown = [render_approvals.shown(each) for each in page.approvals]
        return render.reply(render.listing("approvals", shown, following))

    async def show(self, request: web.Request) -> web.Response:
        """Show one: to its asker how it stands, to people what they are asked."""
        caller, approval = request[PRINCIPAL], _id(request)
        mine = await self._approvals.poll(caller, approval)

        async def look() -> render.Json:
            if mine is not None:
                return render_approvals.waiting(await self._approvals.mine(caller, approval))
            return render_approvals.shown(await self._approvals.show(caller, approval))

        answer = await self._waiters.answer(request, look)
        answer.headers[hdrs.RETRY_AFTER] = render_approvals.RETRY_AFTER
        return answer

    async def answer(self, request: web.Request) -> web.Response:
        """Say yes or no."""
        approval = _id(request)
        reply = _reply(await self._bodies.json(request, wire.AnswerBody))
        shown = await self._approvals.answer(request[PRINCIPAL], approval, reply)
        return render.reply(render_approvals.shown(shown))

    async def redeem(self, request: web.Request) -> web.Response:
        """Issue what people have agreed to."""
        approval = _id(request)
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        await self._bodies.json_or_nothing(request, wire.EmptyBody)
        issued = await self._services.issuance.redeem(request[PRINCIPAL], approval, key)
        return delivered(issued, now_ms=self._services.clock.now_ms())


def _id(request: web.Request) -> ids.ApprovalId:
    return ids.parse_approval_id(request.match_info["approval"])


def _reply(body: wire.AnswerBody) -> Reply:
    answer = Answer(body.answer)
    if answer is Answer.YES and body.version is None:
        raise InvalidRequestError("say which version was seen", field="version")
    return Reply(
        answer=answer,
        digest=parse.digest(body.digest, "digest"),
        version=body.version or 0,
        reason=parse.reason_or_nothing(body.reason),
    )
