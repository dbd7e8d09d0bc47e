"""What a resource server needs of a broker: the feed, the keys, introspection."""

from aiohttp import web

from tests.fakes import token_mint as mint
from tests.fakes.feed_server import FeedServer


class ResourceBroker(FeedServer):
    """The feed with the two other routes that a resource server uses."""

    introspection: dict[str, object] = {"active": True}  # noqa: RUF012  replaced, never changed

    def application(self) -> web.Application:
        """Build the routes."""
        app = super().application()
        app.router.add_get("/.well-known/jwks.json", self._keys)
        app.router.add_post("/oauth/introspect", self._introspect)
        return app

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response(mint.key_set())

    async def _introspect(self, request: web.Request) -> web.Response:
        self.authorizations.append(request.headers["Authorization"])
        return web.json_response(self.introspection)
