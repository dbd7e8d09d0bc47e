"""Where messages end is known, in whatever pieces they come."""

import pytest

from broker.proxy.postgres.frames import Frames
from broker.proxy.postgres.messages import Message
from broker.proxy.problem import RefusedError

MESSAGES = [Message(b"D", b"x" * size) for size in (0, 1, 3, 4, 5, 300)]
STREAM = b"".join(message.render() for message in MESSAGES)


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6, 7, 64, len(STREAM)])
def test_ends_are_where_they_are(size: int) -> None:
    """Also when a header comes in pieces."""
    frames, ends, at = Frames(), set(), 0
    for message in MESSAGES:
        at += len(message.render())
        ends.add(at)

    for begin in range(0, len(STREAM), size):
        frames.follow(STREAM[begin : begin + size])
        assert frames.is_between is (min(begin + size, len(STREAM)) in ends)


@pytest.mark.parametrize("length", [b"\0\0\0\x03", b"\0\0\0\0", b"\xff\xff\xff\xff"])
def test_a_length_that_cannot_be_is_refused(length: bytes) -> None:
    """Nobody could say where the next message begins."""
    with pytest.raises(RefusedError):
        Frames().follow(b"D" + length)
