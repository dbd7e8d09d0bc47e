"""Where the text of a key set comes from: a URL, or a file."""

import asyncio
from pathlib import Path
from typing import Protocol

from aiohttp import ClientSession

from broker.attestation.keyset import MAX_DOCUMENT_BYTES
from broker.attestation.url_reader import Access, KeySourceError, UrlReader, open_key_session

__all__ = ["FileKeySource", "KeySource", "KeySourceError", "UrlKeySource", "open_key_session"]


class KeySource(Protocol):
    """One place to look for an issuer's keys. Each call is a new look; nothing is remembered."""

    async def fetch(self) -> bytes:
        """Bring the text of the key set, of at most ``MAX_DOCUMENT_BYTES``.

        Raises:
            KeySourceError: there is none to be had now.
        """
        ...


class UrlKeySource:
    """Keys behind a URL that an operator wrote down (B6)."""

    def __init__(
        self, session: ClientSession, url: str, *, timeout_ms: int, access: Access | None = None
    ) -> None:
        self._reader = UrlReader(session, timeout_ms=timeout_ms, access=access)
        self._url = url

    async def fetch(self) -> bytes:
        """Fetch the text.

        Raises:
            KeySourceError: no answer in time, or not the answer that is wanted.
        """
        return await self._reader.read(self._url)


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
