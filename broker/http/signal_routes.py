"""Signals from outside."""

from typing import Final

from aiohttp import web

from broker.http import render, wire
from broker.http.bodies import Bodies
from broker.http.services import Services
from broker.http.table import Table

SIGNALS: Final = "/v1/signals"


class SignalRoutes:
    """``/v1/signals``: what is sent vouches for itself, so nobody else has to."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._signals = services.signals
        self._bodies = bodies

    def register(self, table: Table) -> None:
        """Add the route."""
        table.change(SIGNALS, self.take)

    async def take(self, request: web.Request) -> web.Response:
        """Take a signal."""
        body = await self._bodies.json(request, wire.SignalBody)
        kept = await self._signals.take(body.signal)
        return render.reply({"finding": kept.finding.id}, status=202)
