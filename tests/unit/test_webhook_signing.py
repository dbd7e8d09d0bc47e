"""Signatures are those of the specification, and nothing else is one."""

import pytest

from broker.secret import Secret
from broker.webhook_signing import is_signed, parse_secret, signature, signatures

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = Secret("whsec_" + "A" * 43 + "=")
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The vector that the libraries of Standard Webhooks are tested with."""


def test_a_message_is_signed_as_the_specification_says() -> None:
    """So that every library of theirs verifies it."""
    assert signature(SECRET, ID, AT, BODY) == SIGNED


@pytest.mark.parametrize(
    ("id_", "at", "body"),
    [
        (ID + "x", AT, BODY),
        (ID, "1614265331", BODY),
        (ID, AT, BODY + b" "),
        ("msg", "p5jXN8AQM9LWM0D4loKWxJek." + AT, BODY),
    ],
)
def test_whatever_is_changed_is_not_signed(id_: str, at: str, body: bytes) -> None:
    """Id, time and body, every byte of them."""
    assert not is_signed([SECRET], id_, at, body, SIGNED)


def test_while_a_secret_is_changed_both_sign_and_either_verifies() -> None:
    """No message is lost on the way."""
    header = signatures([OTHER, SECRET], ID, AT, BODY)

    assert is_signed([SECRET], ID, AT, BODY, header)
    assert is_signed([OTHER], ID, AT, BODY, header)
    assert not is_signed([Secret("whsec_" + "B" * 32)], ID, AT, BODY, header)


@pytest.mark.parametrize("header", ["", " ", "v1,", "v1a,x", SIGNED[3:], SIGNED.upper(), "v1,é"])
def test_what_is_no_signature_verifies_nothing(header: str) -> None:
    """And raises nothing."""
    assert not is_signed([SECRET], ID, AT, BODY, header)


def test_a_header_of_very_many_signatures_is_looked_at_up_to_a_bound() -> None:
    """Each costs a comparison."""
    assert not is_signed([SECRET], ID, AT, BODY, "v1,x " * 16 + SIGNED)


@pytest.mark.parametrize(
    "text", ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_short", "whsec_" + "?" * 40]
)
def test_what_is_no_secret_is_refused_without_being_shown(text: str) -> None:
    """Too short, not base 64, without its mark."""
    with pytest.raises(ValueError, match="is not whsec_") as refused:
        parse_secret(text)

    assert "MfKQ" not in str(refused.value)
