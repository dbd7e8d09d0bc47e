"""What a receiver of the broker's webhooks needs: is this message the broker's, and new?

::

    webhooks = Webhooks([secret])

    async def handler(request):
        message = webhooks.verify(request.headers, await request.read())
        if message.id not in seen: ...  # the same id: the same message

Messages come at least once, so whoever acts on one remembers its id. Give two secrets while one is
being changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from broker import strict_json
from broker.client.errors import WebhookRefusedError
from broker.clock import Clock, SystemClock
from broker.errors import InvalidRequestError
from broker.secret import Secret
from broker.webhook_check import TOLERANCE_SECONDS, UncountedError, check
from broker.webhook_signing import is_signed, parse_secret

MAX_BYTES: Final = 256 * 1024
"""No message of the broker is longer."""


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message that the broker sent. ``id`` stays the same when it comes again."""

    id: str
    type: str
    timestamp: str
    data: Mapping[str, object] = field(default_factory=dict)


class Webhooks:
    """Checks messages with the secrets that receiver and broker share."""

    def __init__(
        self,
        secrets: Sequence[Secret | str],
        *,
        tolerance_seconds: int = TOLERANCE_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        """Take the secrets, ``whsec_…`` each.

        Raises:
            ValueError: there is none, or one is no secret of that form.
        """
        if not secrets:
            raise ValueError("no secret: nothing could be verified")
        self._secrets = tuple(
            parse_secret(each.reveal() if isinstance(each, Secret) else each) for each in secrets
        )
        self._tolerance_ms = tolerance_seconds * 1000
        self._clock = clock or SystemClock()

    def verify(self, headers: Mapping[str, str], body: bytes) -> WebhookMessage:
        """Check one request, by the bytes of its body as they came.

        Raises:
            WebhookRefusedError: it is not the broker's, or too old, or from the future.
        """
        found = {name.lower(): value for name, value in headers.items()}
        now_ms = self._clock.now_ms()
        judge = partial(is_signed, self._secrets)
        try:
            id_ = check(found, body, judge, now_ms=now_ms, tolerance_ms=self._tolerance_ms)
        except UncountedError as error:
            raise WebhookRefusedError(str(error)) from None
        return _message(id_, body)


def _message(id_: str, body: bytes) -> WebhookMessage:
    try:
        told = strict_json.loads_object(body, max_bytes=MAX_BYTES)
    except InvalidRequestError as error:
        raise WebhookRefusedError("it is signed and no JSON") from error
    data = told.get("data")
    if not isinstance(data, dict):
        raise WebhookRefusedError("it is signed and no message of the broker")
    return WebhookMessage(id_, str(told.get("type")), str(told.get("timestamp")), data)
