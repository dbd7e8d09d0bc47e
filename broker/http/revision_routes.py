"""What is published, for operators of everything: revisions, and how the signing keys stand."""

import re
from typing import Final

from aiohttp import web

from broker.errors import InvalidRequestError
from broker.http import render_published
from broker.http.keys import PRINCIPAL
from broker.http.render import reply
from broker.http.services import Services
from broker.http.table import Table

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class RevisionRoutes:
    """``/v1/revisions…``, ``/v1/keys`` and ``/v1/shadow``."""

    def __init__(self, services: Services) -> None:
        self._revisions = services.revisions

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.read("/v1/revisions", self.all)
        table.read("/v1/revisions/{revision}", self.show)
        table.read("/v1/keys", self.keys)
        table.read("/v1/shadow", self.shadow)

    async def all(self, request: web.Request) -> web.Response:
        """List the kept revisions, newest first."""
        found = await self._revisions.all(request[PRINCIPAL])
        return reply(render_published.revisions(found))

    async def show(self, request: web.Request) -> web.Response:
        """Show one revision, with everything that it says."""
        number = request.match_info["revision"]
        if _NUMBER.fullmatch(number) is None:
            raise InvalidRequestError("not a revision: write its number", field="revision")
        found = await self._revisions.find(request[PRINCIPAL], int(number))
        return reply(render_published.revision(found))

    async def keys(self, request: web.Request) -> web.Response:
        """Show how the signing keys stand, and what each broker serves."""
        return reply(render_published.keys(await self._revisions.keys(request[PRINCIPAL])))

    async def shadow(self, request: web.Request) -> web.Response:
        """Show what a candidate would have decided otherwise."""
        found = await self._revisions.shadow(request[PRINCIPAL])
        return reply(render_published.shadow(found))
