"""Signatures of webhooks (Standard Webhooks 1.0): made by us, checked by receivers.

What is signed is ``id.timestamp.body``, byte for byte. Several secrets may sign one message, and a
receiver accepts what any of its secrets made: so a secret is changed without a message being lost.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from broker.secret import Secret

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
PREFIX: Final = "whsec_"

SHORTEST: Final = 24
LONGEST: Final = 64
"""Bytes of a secret, as the specification bounds them."""

MOST_SIGNATURES: Final = 16
"""That a receiver looks at: each costs a comparison."""


def parse_secret(text: str) -> Secret:
    """Check the form of a secret: ``whsec_`` and the base 64 of 24 to 64 bytes.

    Raises:
        ValueError: the text is no such secret; the message holds nothing of it.
    """
    key = _key(text)
    if key is None or not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"is not {PREFIX} and the base 64 of {SHORTEST} to {LONGEST} bytes")
    return Secret(text)


def signature(secret: Secret, id_: str, timestamp: str, body: bytes) -> str:
    """Sign a message with one secret: ``v1,`` and the base 64 of the HMAC-SHA256."""
    key = _key(secret.reveal()) or b""
    made = hmac.new(key, b"%s.%s." % (id_.encode(), timestamp.encode()) + body, hashlib.sha256)
    return "v1," + base64.b64encode(made.digest()).decode()


def signatures(secrets: Sequence[Secret], id_: str, timestamp: str, body: bytes) -> str:
    """Sign a message with every secret, as the header carries it."""
    return " ".join(signature(each, id_, timestamp, body) for each in secrets)


def is_signed(
    secrets: Sequence[Secret], id_: str, timestamp: str, body: bytes, header: str
) -> bool:
    """Tell whether one of the secrets made one of a header's signatures, in constant time."""
    shown = [each.encode() for each in header.split(" ")[:MOST_SIGNATURES]]
    is_good = False
    for secret in secrets:
        wanted = signature(secret, id_, timestamp, body).encode()
        for each in shown:
            is_good |= hmac.compare_digest(wanted, each)
    return is_good


def _key(text: str) -> bytes | None:
    if not text.startswith(PREFIX):
        return None
    try:
        return base64.b64decode(text.removeprefix(PREFIX).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
