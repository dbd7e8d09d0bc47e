"""Whether a webhook counts: its headers, its signature and its time (Standard Webhooks 1.0).

One rule for both directions: for receivers of the broker's messages, and for the broker where it
receives some.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP

TOLERANCE_SECONDS: Final = 300
"""How far a message's time may be from ours, as the specification advises."""

_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)

IsSigned = Callable[[str, str, bytes, str], bool]
"""Judges id, timestamp, body and the header of signatures."""


class UncountedError(ValueError):
    """The message is not of whoever shares our keys, or not of now."""


def check(
    headers: Mapping[str, str], body: bytes, is_signed: IsSigned, *, now_ms: int, tolerance_ms: int
) -> str:
    """Return the id of a message that counts; the names of ``headers`` are in small letters.

    Raises:
        UncountedError: it does not count. The message says why, and nothing of a secret.
    """
    id_, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if _ID.fullmatch(id_) is None or _TIMESTAMP.fullmatch(timestamp) is None:
        raise UncountedError("the headers of a webhook are missing, or are none")
    if not is_signed(id_, timestamp, body, headers.get(SIGNATURE, "")):
        raise UncountedError("none of the secrets made one of its signatures")
    if abs(int(timestamp) * 1000 - now_ms) > tolerance_ms:
        raise UncountedError("its time is too far from this machine's")
    return id_
