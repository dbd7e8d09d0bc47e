"""httpx shows a credential with each request. Needs httpx, which this project does not bring.

::

    with httpx.Client(auth=HttpxAuth(credential, "https://orders.example")) as client:
        client.get("https://orders.example/orders")

- Each request gets the token that is good when it is sent; the credential renews itself ahead.
- A request to any other server is refused; after a redirect to one httpx shows the token no more.
- One that is refused (401) is sent once more if there is another token, or another nonce; not if
  its body was a stream, which is gone.
"""

from collections.abc import AsyncGenerator, Generator

import httpx

from broker.client.origins import Origins
from broker.client.shown import UNAUTHORIZED, AsyncShown, Shown


class HttpxAuth(httpx.Auth):
    """For :class:`httpx.Client`."""

    def __init__(self, credential: Shown, *only_for: str) -> None:
        """Fix the credential, and the servers that it is for: ``https://orders.example``."""
        self._credential = credential
        self._origins = Origins(*only_for)

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Show it; after a refusal, once more."""
        url = str(request.url)
        self._origins.require(url)
        request.headers.update(self._credential.headers(request.method, url))
        response = yield request
        if not _may_repeat(self._origins, request, response):
            return
        said = request.headers["Authorization"]
        has_nonce = self._credential.heed(url, response.headers)
        if self._credential.refused(said) or has_nonce:
            request.headers.update(self._credential.headers(request.method, url))
            yield request


class AsyncHttpxAuth(httpx.Auth):
    """For :class:`httpx.AsyncClient`."""

    def __init__(self, credential: AsyncShown, *only_for: str) -> None:
        """Fix the credential, and the servers that it is for: ``https://orders.example``."""
        self._credential = credential
        self._origins = Origins(*only_for)

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Show it; after a refusal, once more."""
        url = str(request.url)
        self._origins.require(url)
        request.headers.update(await self._credential.headers(request.method, url))
        response = yield request
        if not _may_repeat(self._origins, request, response):
            return
        said = request.headers["Authorization"]
        has_nonce = self._credential.heed(url, response.headers)
        if await self._credential.refused(said) or has_nonce:
            request.headers.update(await self._credential.headers(request.method, url))
            yield request


def _may_repeat(origins: Origins, request: httpx.Request, response: httpx.Response) -> bool:
    is_from_ours = origins.has(str(response.request.url))
    is_whole = isinstance(request.stream, httpx.ByteStream)
    return response.status_code == UNAUTHORIZED and is_from_ours and is_whole
