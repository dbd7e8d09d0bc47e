"""Reading from servers that an operator named: bounded in time and size, and nowhere else (B6).

No redirect is followed, no compressed answer taken, nothing read beyond the bound, and all of it
together takes at most the time given, however slowly it drips. No cookie is kept, no proxy of the
environment used.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    hdrs,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from broker.attestation.key_url import is_never_dialled
from broker.attestation.keyset import MAX_DOCUMENT_BYTES
from broker.secret import Secret

_CHUNK: Final = 64 * 1024
_MAX_TOKEN: Final = 16 * 1024
_MEDIA_TYPES: Final = frozenset(
    {"application/json", "application/octet-stream", "binary/octet-stream", "text/plain"}
)
"""Besides ``application/*+json``: what file servers say of a file that they do not know."""


class KeySourceError(Exception):
    """The source brought no text; the message says why and holds nothing that it sent."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a server that an operator named is reached: whom to believe, and what to show.

    ``ca_file`` holds the only authorities that count; ``token_file`` a bearer token. Both are read
    anew for each request, so that replaced files are seen.
    """

    ca_file: Path | None = None
    token_file: Path | None = None

    def context(self) -> ssl.SSLContext | bool:
        """Return what judges the server's certificate.

        Raises:
            OSError: the file is missing, unreadable or holds no certificate.
        """
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True

    def headers(self) -> dict[str, str]:
        """Return the header that shows the token, if there is one.

        Raises:
            OSError: the file is missing, unreadable or holds no token.
        """
        if self.token_file is None:
            return {}
        with self.token_file.open("rb") as file:
            text = file.read(_MAX_TOKEN + 1).strip().decode("ascii", "replace")
        if not 0 < len(text) <= _MAX_TOKEN or not text.isprintable() or not text.isascii():
            raise OSError(0, "holds no token", str(self.token_file))
        return {hdrs.AUTHORIZATION: f"Bearer {Secret(text).reveal()}"}


class CarefulResolver(AbstractResolver):
    """Resolves names, and refuses addresses at which no issuer can be: cloud metadata (C8)."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            OSError: it cannot be resolved, or leads to where nothing is dialled.
        """
        results = await self._inner.resolve(host, port, family)
        for result in results:
            if is_never_dialled(ipaddress.ip_address(result["host"].partition("%")[0])):
                raise OSError(0, "the name leads to a link-local or multicast address")
        return results

    async def close(self) -> None:
        """Close the inner one."""
        await self._inner.close()


def open_key_session() -> ClientSession:
    """Open the session in which all readers of a process fetch. Whoever opens it closes it."""
    return ClientSession(
        connector=TCPConnector(resolver=CarefulResolver()),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )


class UrlReader:
    """Reads documents from servers, each within the same bounds."""

    def __init__(
        self, session: ClientSession, *, timeout_ms: int, access: Access | None = None
    ) -> None:
        self._session = session
        self._timeout = ClientTimeout(total=timeout_ms / 1000)
        self._access = access or Access()

    async def read(self, url: str, *, shows_token: bool = True) -> bytes:
        """Read what is at a URL.

        Raises:
            KeySourceError: no answer in time, or not the answer that is wanted.
        """
        return await self._ask(hdrs.METH_GET, url, b"", shows_token=shows_token)

    async def post(self, url: str, body: bytes) -> bytes:
        """Send JSON and read the answer.

        Raises:
            KeySourceError: no answer in time, or not the answer that is wanted.
        """
        return await self._ask(hdrs.METH_POST, url, body, shows_token=True)

    async def _ask(self, method: str, url: str, body: bytes, *, shows_token: bool) -> bytes:
        try:
            context, headers = await asyncio.to_thread(self._prepare, shows_token)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise KeySourceError(f"cannot use {error.filename or 'ca_file'}: {why}") from None
        headers |= {hdrs.CONTENT_TYPE: "application/json"} if body else {}
        try:
            async with self._session.request(
                method,
                url,
                data=body or None,
                headers=headers,
                ssl=context,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                return await _read_body(response)
        except TimeoutError as error:
            raise KeySourceError("no whole answer in time") from error
        except (ClientError, OSError, ValueError) as error:
            raise KeySourceError(f"no answer: {type(error).__name__}") from error

    def _prepare(self, shows_token: bool) -> tuple[ssl.SSLContext | bool, dict[str, str]]:  # noqa: FBT001 - for a thread
        headers = {hdrs.ACCEPT: "application/json", hdrs.ACCEPT_ENCODING: "identity"}
        shown = self._access.headers() if shows_token else {}
        return self._access.context(), headers | shown


async def _read_body(response: ClientResponse) -> bytes:
    if response.status not in {200, 201}:
        raise KeySourceError(f"answered with status {response.status}")
    _check_headers(response.headers)
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise KeySourceError(f"answered with more than {MAX_DOCUMENT_BYTES} bytes")
    return bytes(body)


def _check_headers(headers: Mapping[str, str]) -> None:
    if headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise KeySourceError("answered with a content encoding")
    media_type = headers.get(hdrs.CONTENT_TYPE, "application/json").partition(";")[0]
    media_type = media_type.strip().lower()
    is_json = media_type.startswith("application/") and media_type.endswith("+json")
    if media_type not in _MEDIA_TYPES and not is_json:
        # What a browser would show is a page for people, and often one that others can write.
        raise KeySourceError("answered with a content type that is not JSON")
