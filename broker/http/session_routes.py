"""Sessions of people, and their ends."""

from typing import Final

from aiohttp import web

from broker import text
from broker.errors import InvalidRequestError
from broker.http import parse, render, wire
from broker.http.bodies import Bodies
from broker.http.keys import PRINCIPAL
from broker.http.services import Services
from broker.http.table import Table
from broker.model.requests import Revocation

BACKCHANNEL: Final = "/v1/backchannel-logout"


class SessionRoutes:
    """``/v1/sessions/end`` and the back channel of OpenID Connect."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._sessions = services.sessions
        self._bodies = bodies

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.change("/v1/sessions/end", self.end)
        table.change(BACKCHANNEL, self.hear)

    async def end(self, request: web.Request) -> web.Response:
        """End the caller's own session, or all of somebody's."""
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json_or_nothing(request, wire.EndSessionBody)
        person = text.parse_name(body.person, field="person") if body.person else ""
        tenant = text.parse_name(body.tenant, field="tenant") if body.tenant else ""
        reason = parse.reason_or_nothing(body.reason)
        ended = await self._sessions.by_caller(request[PRINCIPAL], person, tenant, reason, key)
        return _told(ended)

    async def hear(self, request: web.Request) -> web.Response:
        """Hear from an issuer that a session has ended (Back-Channel Logout §2.5)."""
        token = (await self._bodies.form(request)).get("logout_token")
        if token is None:
            raise InvalidRequestError("send the logout token", field="logout_token")
        return _told(await self._sessions.by_issuer(token))


def _told(ended: Revocation) -> web.Response:
    """Answer 202 while its cut does not stand everywhere: what is not done is no success."""
    return render.reply(render.revocation(ended), status=200 if ended.is_acknowledged else 202)
