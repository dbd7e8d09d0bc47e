"""Keys found through an issuer's metadata (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).

- The metadata lie where the operator's declaration says; no URL of a token is ever fetched.
- They must name exactly the declared issuer (Discovery §4.3, RFC 8414 §3.3), so that one issuer's
  document does not make another's keys count.
- The key set that they name keeps the rules of a declared URL; beyond that, metadata from elsewhere
  never lead to this machine (C8).
- Each look reads both anew, within one time bound; what it brings is kept as any key set is.
"""

import asyncio
from typing import Final

from aiohttp import ClientSession

from broker import strict_json
from broker.attestation.key_url import is_loopback, is_public, origin, url_fault
from broker.attestation.keyset import MAX_DOCUMENT_BYTES
from broker.attestation.url_reader import Access, KeySourceError, UrlReader
from broker.errors import InvalidRequestError

_MAX_URL: Final = 2048


class DiscoveryKeySource:
    """The key set that an issuer's metadata name."""

    def __init__(
        self,
        session: ClientSession,
        metadata_url: str,
        issuer: str,
        *,
        timeout_ms: int,
        access: Access | None = None,
    ) -> None:
        self._reader = UrlReader(session, timeout_ms=timeout_ms, access=access)
        self._metadata_url = metadata_url
        self._issuer = issuer
        self._timeout_s = timeout_ms / 1000

    async def fetch(self) -> bytes:
        """Fetch the metadata, then the key set.

        Raises:
            KeySourceError: either is not to be had, or the metadata are not this issuer's.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._fetch()
        except TimeoutError:
            raise KeySourceError("no whole answer in time") from None

    async def _fetch(self) -> bytes:
        try:
            document = await self._reader.read(self._metadata_url)
        except KeySourceError as error:
            raise KeySourceError(f"metadata: {error}") from error
        url = self.keys_url(document)
        # A token is for the server that the operator named, never for one that it names.
        return await self._reader.read(url, shows_token=origin(url) == origin(self._metadata_url))

    def keys_url(self, document: bytes) -> str:
        """Return where the metadata say that the keys are.

        Raises:
            KeySourceError: they are malformed, another issuer's, or name no URL that may be used.
        """
        try:
            metadata = strict_json.loads_object(
                document, max_bytes=MAX_DOCUMENT_BYTES, field="metadata"
            )
        except InvalidRequestError as error:
            raise KeySourceError(f"metadata: {error}") from error
        if metadata.get("issuer") != self._issuer:
            raise KeySourceError("metadata: issuer is not exactly the declared one")
        url = metadata.get("jwks_uri")
        if not isinstance(url, str) or len(url) > _MAX_URL:
            raise KeySourceError("metadata: jwks_uri is missing or no URL")
        self._check(url)
        return url

    def _check(self, url: str) -> None:
        fault = url_fault(url)
        if fault is not None:
            raise KeySourceError(f"metadata: jwks_uri {fault[0]}")
        if not is_public(url) and not is_loopback(self._metadata_url):
            raise KeySourceError("metadata: jwks_uri leads to this machine or its link")
