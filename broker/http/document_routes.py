"""What the broker says of itself: the contract."""

from typing import Final

import msgspec
from aiohttp import web

from broker.http.contract.document import document
from broker.http.limits import Limits
from broker.http.table import Table

CONTRACT: Final = "/v1/openapi.json"


class DocumentRoutes:
    """``/v1/openapi.json``. Built once: it depends on nothing that changes while we run."""

    def __init__(self, limits: Limits) -> None:
        self._contract = msgspec.json.encode(document(limits))

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.public(CONTRACT, self.contract)

    async def contract(self, _request: web.Request) -> web.Response:
        """Show the OpenAPI document."""
        return web.Response(body=self._contract, content_type="application/json")
