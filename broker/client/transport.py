"""Sends requests to the broker and repeats those that it is safe to repeat.

A call says itself whether it may be repeated: a GET, a DELETE, or a POST that carries an
idempotency key. Such a call is repeated with the same key when the connection broke or the broker
answered 503, a few times, with jittered delays. Nothing else ever is.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeVar

import aiohttp
import msgspec

from broker import strict_json
from broker.client.api_errors import refusal
from broker.client.backoff import Backoff
from broker.client.endpoint import MAX_ANSWER_BYTES, Endpoint, read_bounded
from broker.client.errors import BrokerAnswerError, BrokerUnreachableError
from broker.errors import InvalidRequestError
from broker.secret import Secret

MAX_ATTEMPTS: Final = 4
"""The first try and three repeats: about two seconds of patience."""

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

T = TypeVar("T")


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


class Transport:
    """Calls to one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_seconds: float = 10.0,
        new_backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._endpoint = endpoint
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._new_backoff = new_backoff

    async def fetch(self, call: Call, shape: type[T]) -> T:
        """Send a call and read its answer as ``shape``.

        Raises:
            ApiError: the broker refused.
            BrokerUnreachableError: no answer came.
            BrokerAnswerError: the answer has another shape.
        """
        return read((await self.done(call)).body, shape)

    async def done(self, call: Call) -> Answer:
        """Send a call that must succeed.

        Raises:
            ApiError: the broker refused.
            BrokerUnreachableError: no answer came.
        """
        answer = await self.send(call)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(answer.status, answer.body, answer.retry_after)
        return answer

    async def send(self, call: Call) -> Answer:
        """Send a call, again where that is safe, and return the last answer, whatever it says.

        Raises:
            BrokerUnreachableError: no answer came.
            BrokerAnswerError: the answer is too long.
        """
        backoff = self._new_backoff()
        for attempt in range(1, MAX_ATTEMPTS + 1):
            is_last = attempt == MAX_ATTEMPTS or not call.is_repeatable
            try:
                answer = await self._send_once(call)
            except BrokerUnreachableError:
                if is_last:
                    raise
            else:
                if is_last or answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    return answer
            await asyncio.sleep(backoff.next_seconds())
        raise AssertionError("the last attempt returns or raises")

    async def _send_once(self, call: Call) -> Answer:
        headers = {} if call.is_public else await self._endpoint.authorization()
        url = self._endpoint.url(*call.path)
        if call.proves_key:
            headers |= self._endpoint.proof(call.method, url)
        if call.idempotency_key:
            headers[IDEMPOTENCY_KEY] = call.idempotency_key
        try:
            async with self._endpoint.session.request(
                call.method,
                url,
                params=call.params,
                json=call.json,
                data=call.form,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            ) as answer:
                body = await read_bounded(answer)
                return Answer(answer.status, body, answer.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BrokerUnreachableError(f"no answer: {type(error).__name__}") from error


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
