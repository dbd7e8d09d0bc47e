"""Sends requests to the broker and repeats those that it is safe to repeat.

* A call that never left (connection refused, unknown host) did nothing: any call is sent again.
* A call whose answer was lost, or that the broker asks to repeat later, is sent again only if that
  has the effect of sending it once: a GET, a DELETE, or a POST with an idempotency key, and then
  with the same key.
* A refusal that asks for a DPoP nonce (RFC 9449 §8) is answered once, by a new proof with it.
* Delays are jittered, never shorter than ``Retry-After``, and end at the call's patience: who would
  have to wait longer gets the refusal now, which says how long.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Generic, Protocol, TypeVar

import aiohttp
import msgspec
from yarl import URL

from broker import strict_json
from broker.client.api_errors import NonceWantedError, refusal
from broker.client.backoff import Backoff
from broker.client.certificate_errors import CertificateDoubtedError, CertificateRefusedError
from broker.client.endpoint import MAX_ANSWER_BYTES, Endpoint, read_bounded
from broker.client.errors import (
    BrokerAnswerError,
    BrokerUnreachableError,
    NotSentError,
    ReplyLostError,
)
from broker.client.problem import parse_retry_after
from broker.client.tls_alerts import certificate_alert
from broker.clock import Clock, SystemClock
from broker.errors import InvalidRequestError
from broker.secret import Secret

MAX_ATTEMPTS: Final = 4
"""The first try and three repeats: some two seconds, unless the broker asks for more."""

MAX_CONNECT_SECONDS: Final = 5.0
"""How long a connection may take to stand; that it did not, is known to have done nothing."""

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

T = TypeVar("T")


class _Named(Protocol):
    @property
    def id(self) -> str: ...


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: a method, the segments of its path (literals or parsed ids), what it carries."""

    method: str
    path: tuple[str, ...]
    params: Mapping[str, str] = field(default_factory=dict)
    json: object | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    idempotency_key: str = ""
    is_public: bool = False
    """Whether to send it without saying who calls."""
    proves_key: bool = False
    """Whether to prove the agent's key with it, if there is one: the answer is bound to it."""
    is_probe: bool = False
    """Whether any answer, also 503, is what was asked for."""
    known: str = ""
    """The tag of an answer that was seen before (RFC 9110 §13.1.2), for one that is held back."""
    wait_seconds: int = 0
    """How long the broker may hold its answer back; that much longer it may take."""

    @property
    def query(self) -> dict[str, str]:
        """What stands behind the path."""
        waiting = {"wait": str(self.wait_seconds)} if self.wait_seconds else {}
        return {**self.params, **waiting}

    @property
    def is_repeatable(self) -> bool:
        """Tell whether sending it twice has the effect of sending it once."""
        if self.is_probe:
            return False
        return self.method in {"GET", "DELETE"} or bool(self.idempotency_key)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole and bounded."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str = ""
    content_type: str = ""
    tag: str = ""
    has_new_nonce: bool = False
    """Whether it brought a DPoP nonce that was not known before."""

    @property
    def is_good(self) -> bool:
        """Tell whether it is what was asked for."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def asks_for_nonce(self) -> bool:
        """Tell whether a proof with the nonce that it brought is all that was wanting."""
        if not self.has_new_nonce or self.status < HTTPStatus.BAD_REQUEST:
            return False
        return isinstance(refusal(self.status, self.body), NonceWantedError)

    @property
    def asks_to_repeat(self) -> bool:
        """Tell whether the same request may be granted in a moment."""
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return True
        if self.status < HTTPStatus.BAD_REQUEST or not self.retry_after:
            return False
        return refusal(self.status, self.body).is_temporary


@dataclass(frozen=True, slots=True)
class Tagged(Generic[T]):
    """What an answer says, and its tag: another tag, another answer."""

    value: T
    tag: str


class Transport:
    """Calls to one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_seconds: float = 10.0,
        patience_seconds: float = 30.0,
        new_backoff: Callable[[], Backoff] = Backoff,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Fix where calls go and how long they may take.

        Args:
            endpoint: the broker and who calls.
            timeout_seconds: how long one try may take.
            patience_seconds: how long all tries of one call may take together, delays included.
            new_backoff: makes the delays between tries.
            clock: this machine's clocks.
            sleep: how to wait between tries.

        Raises:
            ValueError: a time is not positive.
        """
        if timeout_seconds <= 0 or patience_seconds <= 0:
            raise ValueError("timeout_seconds and patience_seconds must be positive")
        self._endpoint = endpoint
        self._timeout_seconds = timeout_seconds
        self._patience_ms = int(patience_seconds * 1000)
        self._new_backoff = new_backoff
        self._clock = clock or SystemClock()
        self._sleep = sleep

    async def fetch(self, call: Call, shape: type[T]) -> T:
        """Send a call and read its answer as ``shape``.

        Raises:
            ApiError: the broker refused.
            BrokerUnreachableError: no answer came.
            BrokerAnswerError: the answer has another shape.
        """
        return read_answer(await self.done(call), shape)

    async def tagged(self, call: Call, shape: type[T]) -> Tagged[T]:
        """Do as :meth:`fetch`, and return the answer's tag as well."""
        answer = await self.done(call)
        return Tagged(read_answer(answer, shape), answer.tag)

    async def done(self, call: Call) -> Answer:
        """Send a call that must succeed.

        Raises:
            ApiError: the broker refused.
            BrokerUnreachableError: no answer came.
            BrokerAnswerError: a redirect came; it is not followed, the token would go along.
        """
        answer = await self.send(call)
        if answer.is_good:
            return answer
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            raise BrokerAnswerError(f"a redirect came ({answer.status}) and was not followed")
        raise refusal(answer.status, answer.body, answer.retry_after)

    async def send(self, call: Call) -> Answer:
        """Send a call, again where that is safe, and return the last answer, whatever it says.

        Raises:
            BrokerUnreachableError: no answer came.
            BrokerAnswerError: the answer is too long.
            TokenSourceError: the caller's own token could not be had.
        """
        backoff = self._new_backoff()
        patience_ms = self._patience_ms + call.wait_seconds * 1000
        ends_ms = self._clock.monotonic_ms() + patience_ms
        for attempt in range(1, MAX_ATTEMPTS + 1):
            delay_seconds = backoff.next_seconds() if attempt < MAX_ATTEMPTS else None
            result = await self._try(call, ends_ms, delay_seconds)
            if isinstance(result, Answer):
                return result
            await self._sleep(result)
        raise AssertionError("the last attempt returns or raises")

    async def _try(self, call: Call, ends_ms: int, delay_seconds: float | None) -> Answer | float:
        """Return the answer that counts, or how long to wait before the next try."""

        def may_wait(seconds: float) -> bool:
            return self._clock.monotonic_ms() + seconds * 1000 < ends_ms

        try:
            answer = await self._send_once(call, self._seconds_for(call, ends_ms))
            if answer.asks_for_nonce:  # refused before anything was done, so any call; and once
                answer = await self._send_once(call, self._seconds_for(call, ends_ms))
        except (NotSentError, ReplyLostError) as error:
            is_safe = call.is_repeatable or (isinstance(error, NotSentError) and not call.is_probe)
            if delay_seconds is None or not is_safe or not may_wait(delay_seconds):
                raise
            return delay_seconds
        if delay_seconds is None or not (call.is_repeatable and answer.asks_to_repeat):
            return answer
        wait_seconds = max(delay_seconds, parse_retry_after(answer.retry_after))
        return wait_seconds if may_wait(wait_seconds) else answer

    async def _shown(self, call: Call, url: URL) -> dict[str, str]:
        return await self._endpoint.headers(call.method, url, proves_key=call.proves_key)

    def _seconds_for(self, call: Call, ends_ms: int) -> float:
        left_seconds = (ends_ms - self._clock.monotonic_ms()) / 1000
        return max(0.001, min(self._timeout_seconds + call.wait_seconds, left_seconds))

    async def _send_once(self, call: Call, seconds: float) -> Answer:
        self._endpoint.require_home()
        url = self._endpoint.url(*call.path)
        headers = {} if call.is_public else await self._shown(call, url)
        if call.idempotency_key:
            headers[IDEMPOTENCY_KEY] = call.idempotency_key
        if call.known:
            headers["If-None-Match"] = call.known
        context = await self._endpoint.tls_context()
        try:
            async with self._endpoint.session.request(
                call.method,
                url,
                params=call.query,
                json=call.json,
                data=call.form,
                headers=headers,
                allow_redirects=False,
                timeout=_timeout(seconds),
                ssl=context,
            ) as answer:
                body = await read_bounded(answer)
                retry_after = answer.headers.get("Retry-After", "")
                is_news = self._endpoint.heed(url, answer.headers)
                tag = answer.headers.get("ETag", "")
                return Answer(answer.status, body, retry_after, answer.content_type, tag, is_news)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(error, shows=self._endpoint.shows_certificate) from error


def _unreachable(error: Exception, *, shows: bool) -> BrokerUnreachableError:
    """Say whether the broker can have acted; ``shows`` is whether a certificate was shown."""
    if alert := certificate_alert(error):
        return CertificateRefusedError(f"the broker refused the client certificate: {alert}")
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return NotSentError(f"not connected: {type(error).__name__}")
    text = f"no answer: {type(error).__name__}"
    is_ended = isinstance(error, aiohttp.ServerConnectionError | OSError)
    if shows and is_ended and not isinstance(error, TimeoutError):
        return CertificateDoubtedError(f"{text}; the client certificate may have been refused")
    return ReplyLostError(text)


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, connect=min(seconds, MAX_CONNECT_SECONDS))


def read_answer(answer: Answer, shape: type[T]) -> T:
    """Read a good answer as one shape.

    Raises:
        BrokerAnswerError: it is not JSON, or has another shape.
    """
    if answer.content_type != "application/json":
        raise BrokerAnswerError("the answer is not application/json")
    return read(answer.body, shape)


def ensure_about(asked: str, answered: str) -> None:
    """Refuse an answer that is about another thing than the one asked for.

    Raises:
        BrokerAnswerError: it is.
    """
    if asked != answered:
        raise BrokerAnswerError(f"the answer is not about {asked}")


def ensure_id(answered: N, parse: Callable[[str], object]) -> N:
    """Return an answer if its ``id`` is well-formed, so that it may become part of a path.

    Raises:
        BrokerAnswerError: it is not.
    """
    try:
        parse(answered.id)
    except InvalidRequestError:
        raise BrokerAnswerError("the answer's id is malformed") from None
    return answered


def read(body: bytes, shape: type[T]) -> T:
    """Read an answer's JSON as one shape.

    Raises:
        BrokerAnswerError: it has another.
    """
    try:
        document = strict_json.loads(body, max_bytes=MAX_ANSWER_BYTES)
        return msgspec.convert(document, shape, dec_hook=_secret)
    except (InvalidRequestError, msgspec.ValidationError):
        # Not chained: a decoding error may quote what it could not decode.
        raise BrokerAnswerError(f"the answer is no {shape.__name__}") from None


def _secret(wanted: type, value: object) -> object:
    if wanted is object:  # msgspec asks for this too: whatever JSON may hold is right
        return value
    if wanted is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError("a secret must be a text")
