"""What subscribers read: server-sent events, each made once and sent to many.

The formats are in ``docs/architecture.md``, "Frames to subscribers".
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from broker.store.feed_event import Announcement

PAGE: Final = 200
"""The most events of one message: a subscriber's parser and ours are never busy for long."""


class Framed:
    """A message as one chunk of an HTTP/1.1 body (RFC 9112 §7.1), framed once for everybody."""

    __slots__ = ("chunk",)

    def __init__(self, message: bytes) -> None:
        self.chunk = b"%x\r\n%b\r\n" % (len(message), message)


def snapshot(epoch: str, seq: int, events: Sequence[Announcement], *, more: bool) -> bytes:
    """Write one page of what is in force at ``seq``."""
    data = {"epoch": epoch, "seq": seq, "events": _bodies(events), "more": more}
    return b"event: snapshot\ndata: %b\n\n" % msgspec.json.encode(data)


def frame(epoch: str, seq: int, prev: int, events: Sequence[Announcement]) -> bytes:
    """Write what happened after ``prev`` up to ``seq``."""
    data = {"seq": seq, "prev": prev, "epoch": epoch, "events": _bodies(events)}
    return b"event: frame\nid: %d\ndata: %b\n\n" % (seq, msgspec.json.encode(data))


def alive(epoch: str, seq: int, read_at_ms: int) -> bytes:
    """Write that the ledger was read at an instant, and that all up to ``seq`` was sent."""
    data = {"read_at": read_at_ms, "seq": seq, "epoch": epoch}
    return b"event: alive\ndata: %b\n\n" % msgspec.json.encode(data)


def _bodies(events: Sequence[Announcement]) -> list[msgspec.Raw]:
    return [msgspec.Raw(event.body) for event in events]
