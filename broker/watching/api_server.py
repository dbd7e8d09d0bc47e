"""A Kubernetes API server: lists and watches, as its API conventions describe them.

A list is read page by page, and begins anew when its pages have gone stale. A watch is one answer
that does not end: a line of JSON for each event, however the lines are cut into chunks. Whatever is
too old is :class:`TooOldError`: then only a new list helps.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from broker.watching.jobs import LABEL, Item, Kind

WATCH_SECONDS: Final = 300
"""How long one watch lasts; then it is begun where it ended."""

PATIENCE_S: Final = 30.0
"""How long the server may be silent beyond that, and how long an answer may take."""

PAGE: Final = 250
MAX_LINE: Final = 4 * 1024 * 1024
"""Bytes of one event: more than the largest object that the server keeps (1.5 MiB), written out."""

MAX_PAGE: Final = 256 * 1024 * 1024


class ApiServerError(Exception):
    """The API server cannot be reached, refuses, or answers what is no answer."""


class TooOldError(ApiServerError):
    """What was asked about is too old to be known (410 Gone): list again."""


class _ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[Item] | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Failure(msgspec.Struct, frozen=True):
    code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """ADDED, MODIFIED, DELETED or BOOKMARK, and of what."""

    type: str
    item: Item


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API server is, whom to believe, and the file of the token that it is shown."""

    url: str
    token_file: Path
    ca_file: Path | None


class ApiServer:
    """Lists and watches one kind of thing in one namespace. The session is the caller's."""

    def __init__(
        self, address: Address, kind: Kind, namespace: str, session: aiohttp.ClientSession
    ) -> None:
        self._address = address
        self._url = address.url.rstrip("/") + kind.path.format(namespace)
        self._session = session

    async def list(self) -> tuple[list[Item], str]:
        """Return all that there is, and the version from which to watch.

        Raises:
            TooOldError: its pages went stale on the way.
            ApiServerError: it cannot be had.
        """
        found: list[Item] = []
        rest = ""
        while True:
            page = await self._page({"limit": str(PAGE)} | ({"continue": rest} if rest else {}))
            found += page.items or []
            rest = page.metadata.continue_
            if not rest:
                return found, page.metadata.resource_version

    async def _page(self, query: Mapping[str, str]) -> _Page:
        limits = aiohttp.ClientTimeout(total=PATIENCE_S)
        try:
            async with await self._asking(query, limits) as answer:
                _require_good(answer.status)
                data = bytearray()
                async for chunk in answer.content.iter_any():
                    data += chunk
                    _require_bounded(len(data), MAX_PAGE)
            return msgspec.json.decode(data, type=_Page)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _unusable(error) from error

    async def watch(self, version: str) -> AsyncIterator[Event]:
        """Yield what happens after a version, until the server ends the answer.

        Raises:
            TooOldError: the version is not known any more.
            ApiServerError: the watch broke off.
        """
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        silent = WATCH_SECONDS + PATIENCE_S
        limits = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE_S, sock_read=silent)
        try:
            async with await self._asking(query, limits) as answer:
                _require_good(answer.status)
                async for line in _lines(answer.content):
                    yield _event(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _unusable(error) from error

    async def _asking(
        self, query: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Prepare a request. Token and authority are read anew: both are mounted, and rotate."""
        token, trust = await asyncio.to_thread(self._read)
        return self._session.get(
            self._url,
            params={"labelSelector": LABEL, **query},
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            ssl=trust,
            allow_redirects=False,
            timeout=limits,
        )

    def _read(self) -> tuple[str, ssl.SSLContext | bool]:
        token = self._address.token_file.read_text(encoding="ascii").strip()
        ca_file = self._address.ca_file
        return token, ssl.create_default_context(cafile=ca_file) if ca_file else True


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Put lines together from chunks; what is left of one when the answer ends is none."""
    rest = bytearray()
    async for chunk in content.iter_any():
        rest += chunk
        *lines, last = rest.split(b"\n")
        rest = bytearray(last)
        _require_bounded(max(map(len, (rest, *lines))), MAX_LINE)
        for line in lines:
            if line.strip():
                yield bytes(line)


def _event(line: bytes) -> Event:
    event = msgspec.json.decode(line, type=_Event)
    if event.type == "ERROR":
        failure = msgspec.json.decode(event.object, type=_Failure)
        _require_good(failure.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    return Event(event.type, msgspec.json.decode(event.object, type=Item))


def _require_good(status: int) -> None:
    if status == HTTPStatus.GONE:
        raise TooOldError(f"it answered {status}")
    if status != HTTPStatus.OK:
        raise ApiServerError(f"it answered {status}")


def _require_bounded(length: int, most: int) -> None:
    if length > most:
        raise ApiServerError(f"it sent more than {most} bytes at once")


def _unusable(error: Exception) -> ApiServerError:
    return ApiServerError(f"{type(error).__name__}: {error}"[:200])
