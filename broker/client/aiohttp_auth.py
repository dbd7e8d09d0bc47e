"""aiohttp shows a credential with each request, as a middleware of its client.

::

    auth = AiohttpAuth(credential, "https://orders.example")
    async with aiohttp.ClientSession(middlewares=(auth,)) as session:
        await session.get("https://orders.example/orders")

- Each request gets the token that is good when it is sent; the credential renews itself ahead.
- A request to any other server is refused, and so is following a redirect to one.
- One that is refused (401) is sent once more if there is another token, or another nonce; not if
  its body was a stream, which is gone.
"""

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.payload import BytesPayload

from broker.client.origins import Origins
from broker.client.shown import UNAUTHORIZED, AsyncShown


class AiohttpAuth:
    """For :class:`aiohttp.ClientSession`, as one of its ``middlewares``."""

    def __init__(self, credential: AsyncShown, *only_for: str) -> None:
        """Fix the credential, and the servers that it is for: ``https://orders.example``."""
        self._credential = credential
        self._origins = Origins(*only_for)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Show it; after a refusal, once more.

        Raises:
            ForeignServerError: it is not for this server.
        """
        url = str(request.url)
        self._origins.require(url)
        await self._show(request, url)
        response = await handler(request)
        if response.status != UNAUTHORIZED or not _is_whole(request):
            return response
        said = request.headers["Authorization"]
        has_nonce = self._credential.heed(url, response.headers)
        if not (await self._credential.refused(said) or has_nonce):
            return response
        response.release()
        await self._show(request, url)
        return await handler(request)

    async def _show(self, request: ClientRequest, url: str) -> None:
        for name, value in (await self._credential.headers(request.method, url)).items():
            request.headers[name] = value


def _is_whole(request: ClientRequest) -> bool:
    return isinstance(request.body, bytes | BytesPayload)
