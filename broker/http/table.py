"""The route table. What holds for every route of a kind is done here, where none can forget it."""

from functools import wraps

from aiohttp import web

from broker.errors import InvalidRequestError
from broker.http import query
from broker.http.keys import QUERY
from broker.http.mutations import Handler, Mutations


class Table:
    """Collects routes. Every path here is authenticated but for those of :meth:`public`."""

    def __init__(self, mutations: Mutations) -> None:
        self._mutations = mutations
        self.routes: list[web.RouteDef] = []
        self.queries: dict[str, tuple[str, ...]] = {}

    def public(self, path: str, handler: Handler) -> None:
        """Add what anybody may GET. :data:`broker.http.edge.PUBLIC` has to name the path too."""
        self.routes.append(web.get(path, handler))

    def read(self, path: str, handler: Handler, *parameters: str) -> None:
        """Add a GET without a body, and with no query parameters but these."""
        self.queries[path] = parameters
        self.routes.append(web.get(path, _strict(handler, parameters)))

    def ask(self, path: str, handler: Handler) -> None:
        """Add a POST that changes nothing."""
        self.routes.append(web.post(path, _queryless(handler)))

    def change(self, path: str, handler: Handler) -> None:
        """Add a POST that changes something: it is let run to its end."""
        self.routes.append(web.post(path, self._mutations.track(_queryless(handler))))

    def delete(self, path: str, handler: Handler) -> None:
        """Add a DELETE, without a body: it is let run to its end."""
        self.routes.append(web.delete(path, self._mutations.track(_strict(handler, ()))))


def _strict(handler: Handler, parameters: tuple[str, ...]) -> Handler:
    @wraps(handler)
    async def run(request: web.Request) -> web.StreamResponse:
        if request.body_exists:
            raise InvalidRequestError("this request has no body: leave it away")
        request[QUERY] = query.parameters(request, parameters)
        return await handler(request)

    return run


def _queryless(handler: Handler) -> Handler:
    @wraps(handler)
    async def run(request: web.Request) -> web.StreamResponse:
        query.parameters(request, ())
        return await handler(request)

    return run
