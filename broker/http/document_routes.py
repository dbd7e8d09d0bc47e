"""What the broker says of itself: the contract, and a page for every problem."""

from functools import lru_cache
from typing import Final

import msgspec
from aiohttp import web

from broker.errors import NotFoundError
from broker.http.contract.document import document
from broker.http.limits import Limits
from broker.http.problem_pages import pages
from broker.http.problems import PAGES
from broker.http.table import Table

CONTRACT: Final = "/v1/openapi.json"
PROBLEM: Final = f"{PAGES}{{problem}}"


@lru_cache(maxsize=4)  # brokers of one process have the same limits, and building takes long
def _encoded(limits: Limits) -> bytes:
    return msgspec.json.encode(document(limits))


class DocumentRoutes:
    """``/v1/openapi.json`` and ``/problems/…``, built once: nothing in them changes."""

    def __init__(self, limits: Limits) -> None:
        self._contract = _encoded(limits)
        self._pages = pages()

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.public(CONTRACT, self.contract)
        table.public(PROBLEM, self.problem)

    async def contract(self, _request: web.Request) -> web.Response:
        """Show the OpenAPI document."""
        return web.Response(body=self._contract, content_type="application/json")

    async def problem(self, request: web.Request) -> web.Response:
        """Explain one problem, as plain text: nothing in it is ever read as HTML."""
        page = self._pages.get(request.match_info["problem"])
        if page is None:
            raise NotFoundError("no such problem")
        return web.Response(text=page, content_type="text/plain", charset="utf-8")
