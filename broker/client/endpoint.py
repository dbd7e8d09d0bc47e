"""Where the broker is, and how a session to it must be made.

Requests to the broker carry a workload token. So: TLS except on this machine, no redirects (one
would carry the token elsewhere), no cookies, no proxy from the environment, no decompression, and
no answer is read beyond a bound.
"""

import asyncio
import ipaddress
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from broker.client.errors import BrokerAnswerError, TokenSourceError
from broker.client.home import Home
from broker.client.own_token import authorization_headers
from broker.client.tls import Tls
from broker.proof.dpop_key import DpopKey

MAX_ANSWER_BYTES: Final = 1_048_576
"""A page of a report is the biggest answer."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""RFC 6750 §2.1: what may follow ``Bearer``."""

TokenSource = Callable[[], Awaitable[str]]
"""Returns a workload token that is good now. It is asked before every request."""


def open_session() -> aiohttp.ClientSession:
    """Make a session that is fit to carry tokens. Call it within the running loop; close it."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "jit-broker-client"},
    )


def token_file(path: Path) -> TokenSource:
    """Return a source that reads the file each time, because a projected volume rotates it."""

    async def read() -> str:
        return (await asyncio.to_thread(path.read_text, encoding="ascii")).strip()

    return read


class Endpoint:
    """One broker, one workload identity, one session."""

    def __init__(
        self,
        base_url: str,
        token_source: TokenSource | None,
        session: aiohttp.ClientSession,
        *,
        allow_plain_http: bool = False,
        key: DpopKey | None = None,
        tls: Tls | None = None,
    ) -> None:
        """Check where tokens will be sent.

        Without a token source the certificate alone says who calls.

        Raises:
            ValueError: the URL is not absolute, not TLS though not on this machine (and
                ``allow_plain_http`` is False), or the session keeps cookies; or there is neither a
                token nor a certificate, or one that would be shown to nobody.
        """
        self._base = parse_base_url(base_url, allow_plain_http=allow_plain_http)
        require_clean(session)
        self._tls = tls
        if token_source is None and not self.shows_certificate:
            raise ValueError("give a token source or a certificate: somebody has to call")
        if self.shows_certificate and self._base.scheme != "https":
            raise ValueError("the URL must be https: a certificate is shown in TLS alone")
        self._token_source = token_source
        self._home = Home()
        self.session = session
        self._key = key

    def require_home(self) -> None:
        """Refuse to be used where the session's connections are not at home.

        Raises:
            ForkedError: in another process than the one that made it.
            WrongLoopError: in another event loop than at first.
        """
        self._home.require()

    def url(self, *segments: str) -> URL:
        """Return the URL of a route; each segment is escaped, also a slash or dots within it."""
        return self._base.joinpath(*(quote(each, safe="@+") for each in segments), encoded=True)

    def heed(self, url: URL, headers: Mapping[str, str]) -> bool:
        """Take the nonce out of an answer for the next proofs; tell whether it is news."""
        return self._key is not None and self._key.heed(str(url), headers)

    @property
    def shows_certificate(self) -> bool:
        """Tell whether connections show a certificate."""
        return self._tls is not None and self._tls.shows_certificate

    async def tls_context(self) -> ssl.SSLContext | bool:
        """Return how to connect, as aiohttp takes it; by default with the machine's authorities.

        Raises:
            CertificateSourceError: the certificate or the authorities cannot be had.
        """
        return True if self._tls is None else await self._tls.context()

    async def headers(self, method: str, url: URL, *, proves_key: bool = False) -> dict[str, str]:
        """Return the headers that show who calls, with a fresh token.

        Made anew for each try: a proof is good once. ``proves_key`` asks for an answer that is
        bound to the agent's key, if there is one.

        Raises:
            TokenSourceError: the source failed, or what it returned is no token.
        """
        token = None if self._token_source is None else await _token_of(self._token_source)
        return authorization_headers(
            token, self._key, method=method, url=str(url), proves_key=proves_key
        )


def require_clean(session: aiohttp.ClientSession) -> None:
    """Refuse a session that would keep cookies, which cross from one origin to another.

    Raises:
        ValueError: the session has a real cookie jar.
    """
    if not isinstance(session.cookie_jar, aiohttp.DummyCookieJar):
        message = "the session keeps cookies: make it with broker.client.open_session()"
        raise ValueError(message)  # noqa: TRY004  the jar's class is how a value shows itself


def parse_base_url(text: str, *, allow_plain_http: bool) -> URL:
    """Read an absolute URL to which tokens may be sent.

    Raises:
        ValueError: it is not one; the text says the fix.
    """
    url = URL(text)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("the URL must be absolute: https://host")
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError("the URL must have no user, query or fragment")
    if url.scheme == "http" and not (allow_plain_http or _is_this_machine(url.host)):
        raise ValueError("the URL must be https: a token would travel in clear text")
    return url


async def read_bounded(answer: aiohttp.ClientResponse, limit: int = MAX_ANSWER_BYTES) -> bytes:
    """Read a whole body, unless it is too long.

    Raises:
        BrokerAnswerError: the body is longer than ``limit`` bytes.
    """
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            answer.close()
            raise BrokerAnswerError(f"the answer is longer than {limit} bytes")
    return bytes(body)


async def _token_of(source: TokenSource) -> str:
    try:
        token = await source()
    except TokenSourceError:  # one of ours, which says more
        raise
    except Exception as error:  # the source is not ours and may raise anything
        raise TokenSourceError(f"the token source failed: {type(error).__name__}") from error
    if _TOKEN.fullmatch(token) is None:
        raise TokenSourceError("the token source returned no token")
    return token


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
