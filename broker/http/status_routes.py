"""How the broker is."""

from typing import Final

from aiohttp import hdrs, web

from broker.http import render
from broker.http.services import Services
from broker.http.table import Table

HEALTHZ: Final = "/healthz"
READYZ: Final = "/readyz"
METRICS: Final = "/metrics"


class StatusRoutes:
    """``/healthz``, ``/readyz``, ``/metrics``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.public(HEALTHZ, self.healthz)
        table.public(READYZ, self.readyz)
        table.public(METRICS, self.metrics)

    async def healthz(self, _request: web.Request) -> web.Response:
        """Answer: this process runs and its loop turns."""
        return render.reply({"alive": True})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Show whether access can be given, and if not, what to do."""
        state = self._services.readiness()
        return render.reply(render.readiness(state), status=200 if state.is_ready else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Show what Prometheus reads."""
        exposition = self._services.metrics.exposition()
        headers = {hdrs.CONTENT_TYPE: exposition.content_type}
        return web.Response(body=exposition.body, headers=headers)
