"""Reaching a server that decides: bounded in time, size and number, and nowhere else.

No redirect is followed, no compressed answer taken, no cookie kept, no proxy of the environment
used. A question is repeated once where a kept connection turned out to be dead: asking changes
nothing. What is raised holds nothing that the server said, and nothing that it was shown.
"""

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
    hdrs,
)

from broker.attestation.url_reader import CarefulResolver
from broker.engines.files import Files
from broker.settings.policy import PolicySettings

MAX_ANSWER_BYTES: Final = 1_048_576
"""More than any answer to a full batch has."""

_CHUNK: Final = 65_536


class NoAnswerError(Exception):
    """No answer came: in time, whole, and of the kind that was asked for."""


class Channel:
    """The way to one server. Opened at the first question; whoever made it closes it."""

    def __init__(self, settings: PolicySettings) -> None:
        self._deadline_s = settings.deadline_ms / 1000
        self._deadline = f"no answer within {settings.deadline_ms} ms"
        self._is_tls = settings.url.startswith("https://")
        self._files = Files(settings)
        self._places = asyncio.Semaphore(settings.max_in_flight)
        self._session: ClientSession | None = None

    async def ask(self, url: str, body: bytes, headers: Mapping[str, str]) -> "Reply":
        """Put one question.

        Raises:
            NoAnswerError: there is no whole answer of status 200 before the deadline.
        """
        try:
            async with asyncio.timeout(self._deadline_s), self._places:
                return await self._asked(url, body, headers)
        except TimeoutError:
            why = self._deadline
        except OSError as error:
            why = _unreachable(error)
        except (ClientError, ValueError) as error:
            why = f"no answer: {type(error).__name__}"
        raise NoAnswerError(why)

    async def _asked(self, url: str, body: bytes, headers: Mapping[str, str]) -> "Reply":
        try:
            return await self._once(url, body, headers)
        except (ServerDisconnectedError, ConnectionResetError):
            return await self._once(url, body, headers)

    async def _once(self, url: str, body: bytes, headers: Mapping[str, str]) -> "Reply":
        async with self._open().post(
            url,
            data=body,
            headers={**_HEADERS, **headers, **self._files.headers()},
            ssl=self._files.context() if self._is_tls else True,
            allow_redirects=False,
        ) as response:
            return Reply(await _body(response), response.headers)

    def _open(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(resolver=CarefulResolver(), limit=0),
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=None),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()


class Reply:
    """A whole answer."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.body = body
        self.headers = headers


_HEADERS: Final[Mapping[str, str]] = {
    hdrs.ACCEPT: "application/json",
    hdrs.ACCEPT_ENCODING: "identity",
    hdrs.CONTENT_TYPE: "application/json",
}


async def _body(response: ClientResponse) -> bytes:
    if response.status != HTTPStatus.OK:
        raise NoAnswerError(f"answered with status {response.status}")
    if response.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise NoAnswerError("answered with a content encoding")
    if response.content_type != "application/json":
        raise NoAnswerError("answered with something that is not JSON")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise NoAnswerError(f"answered with more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def _unreachable(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "TLS with it fails: look at ca_file and cert_file"
    if error.filename is not None:
        return f"cannot use {Path(str(error.filename)).name}: {error.strerror}"
    return f"no answer: {type(error).__name__}"
