"""What a signature says of the body: its digest, or a word in the place of one.

S3's clients say it in a header field, and the server holds the body against it: the body passes as
it comes. All other services' clients say nothing, and sign the digest all the same: such a body is
read to its end before anything is judged, and may not be long.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from broker.proxy.framing import Body, Framing, read_body
from broker.proxy.message import RequestHead
from broker.proxy.problem import RefusedError, malformed
from broker.proxy.wire import Wire

FIELD: Final = "x-amz-content-sha256"

LONGEST: Final = 16 * 1024 * 1024
"""Bytes of a body that is read to its end first: DynamoDB's longest batch."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UNSIGNED: Final = frozenset({"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
"""The body is vouched for by TLS, and in the second case by a checksum at its end."""
_CHUNKED: Final = "STREAMING-"


@dataclass(frozen=True, slots=True)
class Payload:
    """What is signed of a body."""

    body: Body
    """How it is framed from here on."""
    text: str
    """Its digest, or the word."""
    ready: bytes | None = None
    """All of it, where it was read to its end."""


def told_payload(head: RequestHead, body: Body) -> Payload | None:
    """Return what the request says of its body; None if it says nothing.

    Raises:
        RefusedError: it says what cannot be signed anew, or nothing that is known.
    """
    text = head.fields.one(FIELD)
    if text is None:
        return None
    if text in _UNSIGNED or _DIGEST.fullmatch(text) is not None:
        return Payload(body, text)
    if text.startswith(_CHUNKED):
        raise RefusedError(
            403,
            "signature-kind",
            "each chunk of the body is signed by itself: sign it as a whole, or not, over https",
        )
    raise malformed("X-Amz-Content-Sha256 is no digest, and no word that is known")


async def read_payload(wire: Wire, body: Body, seconds: float) -> Payload:
    """Read a body to its end, and return its digest.

    Raises:
        RefusedError: it is too long, or malformed.
        GoneError: the child closed before its end, or is too slow.
    """
    if body.length > LONGEST:
        raise _too_long()
    ready = bytearray()
    async for piece in read_body(wire, body, seconds):
        ready += piece
        if len(ready) > LONGEST:
            raise _too_long()
    whole = bytes(ready)
    return Payload(Body(Framing.LENGTH, len(whole)), hashlib.sha256(whole).hexdigest(), whole)


def _too_long() -> RefusedError:
    return RefusedError(
        413, "body-too-long", f"a body without X-Amz-Content-Sha256 has at most {LONGEST} bytes"
    )
