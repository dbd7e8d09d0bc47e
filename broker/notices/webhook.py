"""A server that takes signed messages: one attempt, bounded in time and in what is read.

Nothing that it answers is kept or shown but the number of its status. It is not followed to another
place, for the signature would then vouch for a message to whoever answers there.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, hdrs

from broker.clock import Clock
from broker.daemon_thread import in_daemon_thread
from broker.notices.notice import Notice, Wishes, body_of
from broker.notices.outcome import Delivered, Failed, Outcome, Stopped
from broker.secret import Secret
from broker.settings.notify import Webhook
from broker.webhook_keys import read_secrets
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP, signatures

MOST_READ: Final = 64 * 1024
"""Bytes of an answer that are read before it counts as one that never ends."""

_GONE: Final = 410
_LONGEST_WAIT_S: Final = 3_600


class WebhookReceiver:
    """Tells one server, in a session of the caller's."""

    def __init__(
        self, settings: Webhook, session: Callable[[], ClientSession], clock: Clock
    ) -> None:
        self.name = settings.name
        self.wishes = Wishes(settings.events, frozenset(settings.tenants))
        self.is_alarm = settings.alarm
        parts = urlsplit(settings.url)
        self.place = f"{parts.scheme}://{parts.netloc}"
        self._settings = settings
        self._session = session
        self._clock = clock

    async def tell(self, notice: Notice, deadline_ms: int) -> Outcome:
        """Try once."""
        try:
            async with asyncio.timeout(deadline_ms / 1000):
                return await self._tell(notice, deadline_ms)
        except TimeoutError:
            return Failed(f"no whole answer within {deadline_ms} ms")
        except (ClientError, OSError, ValueError) as error:
            return Failed(f"no answer: {type(error).__name__}")

    async def _tell(self, notice: Notice, deadline_ms: int) -> Outcome:
        try:
            secrets, context = await in_daemon_thread(self._prepare)
        except (OSError, ValueError) as error:
            return Failed(f"secret_file or ca_file: {_why(error)}")
        body = body_of(notice)
        async with self._session().post(
            self._settings.url,
            data=body,
            headers=self._headers(secrets, notice, body),
            ssl=context,
            allow_redirects=False,
            timeout=ClientTimeout(total=deadline_ms / 1000),
        ) as response:
            return await _judged(response)

    def _headers(self, secrets: list[Secret], notice: Notice, body: bytes) -> dict[str, str]:
        timestamp = str(self._clock.now_ms() // 1000)
        return {
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.ACCEPT_ENCODING: "identity",
            hdrs.USER_AGENT: "jit-broker",
            ID: notice.id,
            TIMESTAMP: timestamp,
            SIGNATURE: signatures(secrets, notice.id, timestamp, body),
        }

    def _prepare(self) -> tuple[list[Secret], ssl.SSLContext | bool]:
        ca_file = self._settings.ca_file
        context = ssl.create_default_context(cafile=ca_file) if ca_file else True
        return read_secrets(self._settings.secret_file), context


async def _judged(response: ClientResponse) -> Outcome:
    if response.status == _GONE:
        return Stopped()
    if response.status // 100 != 2:  # noqa: PLR2004 - the class of statuses that say yes
        return Failed(f"answered with status {response.status}", _retry_after_ms(response))
    read = 0
    async for chunk in response.content.iter_chunked(MOST_READ):
        read += len(chunk)
        if read > MOST_READ:
            return Failed(f"answered with more than {MOST_READ} bytes")
    return Delivered()


def _retry_after_ms(response: ClientResponse) -> int:
    text = response.headers.get(hdrs.RETRY_AFTER, "")
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0  # noqa: PLR2004
    return min(seconds, _LONGEST_WAIT_S) * 1000


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "is not what it must be" if isinstance(error, UnicodeError) else str(error)
