"""Where the text of a key set comes from: a URL, or a file."""

import asyncio
import ssl
from pathlib import Path
from typing import Final, Protocol

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, hdrs

from broker.attestation.keyset import MAX_DOCUMENT_BYTES

_OK: Final = 200
_CHUNK: Final = 64 * 1024


class KeySourceError(Exception):
    """The source brought no text; the message says why and holds nothing that it sent."""


class KeySource(Protocol):
    """One place to look for an issuer's keys. Each call is a new look; nothing is remembered."""

    async def fetch(self) -> bytes:
        """Bring the text of the key set, of at most ``MAX_DOCUMENT_BYTES``.

        Raises:
            KeySourceError: there is none to be had now.
        """
        ...


def open_key_session() -> ClientSession:
    """Open the session in which all :class:`UrlKeySource` of a process fetch.

    It keeps no cookies, knows no proxy of the environment and unpacks nothing. Whoever opens it
    closes it.
    """
    return ClientSession(cookie_jar=DummyCookieJar(), trust_env=False, auto_decompress=False)


class UrlKeySource:
    """Keys behind a URL that an operator wrote down (B6).

    No redirect is followed, no compressed answer taken, nothing read beyond the bound, and all of
    it together takes at most ``timeout_ms``, however slowly it drips. ``tls`` says by what the
    server is trusted; by default by the authorities of this machine.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        *,
        timeout_ms: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._session = session
        self._url = url
        self._tls = True if tls is None else tls
        self._timeout = ClientTimeout(total=timeout_ms / 1000)

    async def fetch(self) -> bytes:
        """Fetch the text.

        Raises:
            KeySourceError: no answer in time, or not the answer that is wanted.
        """
        headers = {hdrs.ACCEPT: "application/json", hdrs.ACCEPT_ENCODING: "identity"}
        try:
            async with self._session.get(
                self._url,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
                ssl=self._tls,
            ) as response:
                return await _read_body(response)
        except TimeoutError as error:
            raise KeySourceError("no whole answer in time") from error
        except (ClientError, OSError, ValueError) as error:
            raise KeySourceError(f"no answer: {type(error).__name__}") from error


class FileKeySource:
    """Keys in a file. It is read anew at each look, so that a replaced file is seen."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fetch(self) -> bytes:
        """Read the text.

        Raises:
            KeySourceError: the file is missing, unreadable or too long.
        """
        try:
            text = await asyncio.to_thread(self._read)
        except OSError as error:
            raise KeySourceError(f"cannot read {self._path}: {error.strerror}") from error
        if len(text) > MAX_DOCUMENT_BYTES:
            raise KeySourceError(f"{self._path} is longer than {MAX_DOCUMENT_BYTES} bytes")
        return text

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(MAX_DOCUMENT_BYTES + 1)


async def _read_body(response: ClientResponse) -> bytes:
    if response.status != _OK:
        raise KeySourceError(f"answered with status {response.status}")
    if response.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise KeySourceError("answered with a content encoding")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise KeySourceError(f"answered with more than {MAX_DOCUMENT_BYTES} bytes")
    return bytes(body)
