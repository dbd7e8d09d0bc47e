"""A receiver takes the broker's messages of now, and nothing else."""

import pytest

from broker.client.errors import WebhookRefusedError
from broker.client.webhooks import Webhooks
from broker.secret import Secret
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP, parse_secret, signatures
from tests.fakes.clock import FakeClock

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type":"breakglass.alarm","timestamp":"t","data":{"tenant":"acme"}}'


def headers(clock: FakeClock, body: bytes = BODY, *, late_s: int = 0) -> dict[str, str]:
    """Sign a message."""
    at = str(clock.now_ms() // 1000 + late_s)
    signed = signatures([parse_secret(SECRET)], "msg_1", at, body)
    return {ID.title(): "msg_1", TIMESTAMP.upper(): at, SIGNATURE: signed}


def test_a_message_of_the_broker_is_taken_whatever_the_case_of_its_headers() -> None:
    """HTTP's headers have none."""
    clock = FakeClock()

    message = Webhooks([Secret(SECRET)], clock=clock).verify(headers(clock), BODY)

    assert (message.id, message.type) == ("msg_1", "breakglass.alarm")
    assert message.data == {"tenant": "acme"}


@pytest.mark.parametrize(
    ("late_s", "is_taken"), [(-301, False), (-300, True), (300, True), (301, False)]
)
def test_one_that_is_too_old_or_of_the_future_is_refused(late_s: int, *, is_taken: bool) -> None:
    """So that one that was overheard cannot be sent again later."""
    clock = FakeClock()
    webhooks = Webhooks([SECRET], clock=clock)

    if is_taken:
        webhooks.verify(headers(clock, late_s=late_s), BODY)
    else:
        with pytest.raises(WebhookRefusedError):
            webhooks.verify(headers(clock, late_s=late_s), BODY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (SIGNATURE, ""),
        (SIGNATURE, "v1,AAAA"),
        (TIMESTAMP.upper(), "1e9"),
        (TIMESTAMP.upper(), "-1"),
        (TIMESTAMP.upper(), "9" * 30),
        (ID.title(), "msg_2"),
        (ID.title(), ""),
    ],
)
def test_one_with_anything_changed_is_refused(name: str, value: str) -> None:
    """Whatever it is."""
    clock = FakeClock()

    with pytest.raises(WebhookRefusedError):
        Webhooks([SECRET], clock=clock).verify({**headers(clock), name: value}, BODY)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"data":1}', b'{"data":{},"data":{}}', b"\xff"]
)
def test_what_is_signed_and_no_message_is_refused(body: bytes) -> None:
    """By one kind of error."""
    clock = FakeClock()

    with pytest.raises(WebhookRefusedError):
        Webhooks([SECRET], clock=clock).verify(headers(clock, body), body)


@pytest.mark.parametrize("secrets", [[]])
def test_without_a_good_secret_nothing_is_verified(secrets: list[str]) -> None:
    """It is said at once."""
    with pytest.raises(ValueError, match="secret"):
        Webhooks(secrets)
