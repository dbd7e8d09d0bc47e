"""What a receiver of the broker's webhooks needs: is this message the broker's, and new?

::

    webhooks = Webhooks([secret])

    async def handler(request):
        message = webhooks.verify(request.headers, await request.read())
        if message.id not in seen: ...  # the same id: the same message

Messages come at least once, so whoever acts on one remembers its id. Give two secrets while one is
being changed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from broker import strict_json
from broker.client.errors import WebhookRefusedError
from broker.clock import Clock, SystemClock
from broker.errors import InvalidRequestError
from broker.secret import Secret
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP, is_signed, parse_secret

TOLERANCE_SECONDS: Final = 300
"""How far a message's time may be from ours, as the specification advises."""

MAX_BYTES: Final = 256 * 1024
"""No message of the broker is longer."""

_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


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
        id_, timestamp = found.get(ID, ""), found.get(TIMESTAMP, "")
        if _ID.fullmatch(id_) is None or _TIMESTAMP.fullmatch(timestamp) is None:
            raise WebhookRefusedError("the headers of a webhook are missing, or are none")
        if not is_signed(self._secrets, id_, timestamp, body, found.get(SIGNATURE, "")):
            raise WebhookRefusedError("none of the secrets made one of its signatures")
        if abs(int(timestamp) * 1000 - self._clock.now_ms()) > self._tolerance_ms:
            raise WebhookRefusedError("its time is too far from this machine's")
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
