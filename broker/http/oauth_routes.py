"""What the OAuth world reads: introspection (RFC 7662), keys (RFC 7517), metadata (RFC 8414).

Also OpenID Connect's discovery document, for targets that we log in at.
"""

from typing import Final

from aiohttp import web

from broker.errors import InvalidRequestError
from broker.http import render, render_metadata
from broker.http.bodies import Bodies
from broker.http.keys import PRINCIPAL
from broker.http.services import Services
from broker.http.table import Table

PREFIX: Final = "/oauth/"
JWKS: Final = "/.well-known/jwks.json"
METADATA: Final = "/.well-known/oauth-authorization-server"
DISCOVERY: Final = "/.well-known/openid-configuration"


class OAuthRoutes:
    """``/oauth/…`` and ``/.well-known/…``."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._services = services
        self._bodies = bodies
        self._metadata = render_metadata.metadata(services.issuer)
        self._discovery = render_metadata.discovery(services.issuer)

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.ask("/oauth/introspect", self.introspect)
        table.public(JWKS, self.jwks)
        table.public(METADATA, self.metadata)
        table.public(DISCOVERY, self.discovery)

    async def introspect(self, request: web.Request) -> web.Response:
        """Tell a resource server about a token of its own.

        ``token_type_hint`` and unknown parameters do not matter (RFC 7662 §2.1, RFC 6749 §3.2).
        """
        token = (await self._bodies.form(request)).get("token")
        if token is None:
            raise InvalidRequestError("send the token to introspect", field="token")
        found = await self._services.introspection.introspect(request[PRINCIPAL], token)
        if found is None:
            return render.reply(render.INACTIVE)
        return render.reply(render.introspected(found, issuer=self._services.issuer))

    async def jwks(self, request: web.Request) -> web.Response:
        """Show the public signing keys; 304 to who has them already (RFC 9110 §13.1.2)."""
        shown = await self._services.jwks()
        return render.key_set(shown, {each.value for each in request.if_none_match or ()})

    async def metadata(self, _request: web.Request) -> web.Response:
        """Show the metadata."""
        return render.reply(self._metadata)

    async def discovery(self, _request: web.Request) -> web.Response:
        """Show where the keys are, to targets that we log in at."""
        return render.reply(self._discovery)
