from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.client.sse import SseEvent, SseOverflowError, SseParser

BOUND = 1_000

LINES = st.sampled_from(
    [
        b"",
        b"",
        b"data: one",
        b"data:two",
        b"data:  three",
        b"data",
        b"data: a:b",
        b"event: frame",
        b"event:alive",
        b"event",
        b"id: 7",
        b"id",
        b"id: a\0b",
        b"retry: 5",
        b": comment",
        b":",
        b"unknown: x",
        "data: grün €".encode(),
        b"\xef\xbb\xbfdata: x",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
STREAMS = st.lists(st.tuples(LINES, ENDS)).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)


def parse(*chunks: bytes, bound: int = BOUND) -> list[SseEvent]:
    """Return the events of a stream that arrives in these chunks."""
    parser = SseParser(max_event_bytes=bound)
    return [event for chunk in chunks for event in parser.feed(chunk)]


def reference(stream: bytes) -> list[SseEvent]:
    """Read a whole stream as the standard's own words do, line by line."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    kind, last_id, data, events = b"", b"", [], []
    for line in text.split(b"\n")[:-1]:
        name, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if not line:
            if data:
                event = SseEvent(kind.decode() or "message", last_id.decode(), b"\n".join(data))
                events.append(event)
            kind, data = b"", []
        elif name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value
        elif name == b"id" and b"\0" not in value:
            last_id = value
    return events


@given(STREAMS, st.data())
def test_any_chunking_gives_the_same_events(stream: bytes, data: st.DataObject) -> None:
    """Cut between any two bytes, also within a line end or a character, nothing changes."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    edges = [0, *cuts, len(stream)]

    chunks = [stream[start:end] for start, end in pairwise(edges)]

    assert parse(*chunks) == reference(stream)
    assert parse(*(bytes([byte]) for byte in stream)) == reference(stream)


@given(st.binary(max_size=300), st.data())
def test_arbitrary_bytes_never_break_the_parser(stream: bytes, data: st.DataObject) -> None:
    """Garbage gives events or none, whole or in pieces, and no other exception."""
    middle = data.draw(st.integers(0, len(stream)))

    assert parse(stream) == parse(stream[:middle], stream[middle:])


def test_the_feeds_own_form_is_read() -> None:
    """An event's name, id and data arrive; names do not carry over, ids do."""
    stream = b'event: frame\nid: 7\ndata: {"a":1}\n\ndata: x\ndata: y\n\n'

    assert parse(stream) == [SseEvent("frame", "7", b'{"a":1}'), SseEvent("message", "7", b"x\ny")]


def test_an_unfinished_event_is_no_event() -> None:
    """What the connection did not finish is dropped with it."""
    assert parse(b"data: x\n") == []
    assert parse(b"data: x\n\r") == [SseEvent("message", "", b"x")]


@pytest.mark.parametrize("length", [BOUND - 1, BOUND, BOUND + 1])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_line_is_bounded(length: int, step: int) -> None:
    """The bound itself is allowed; one byte more is an error, however it drips in."""
    stream = b"data: " + b"x" * (length - 6)
    chunks = [stream[start : start + step] for start in range(0, len(stream), step)]

    if length <= BOUND:
        assert parse(*chunks, b"\n\n")[0].data == b"x" * (length - 6)
    else:
        with pytest.raises(SseOverflowError):
            parse(*chunks)


def test_an_event_of_many_lines_is_bounded() -> None:
    """Small lines do not add up to a big event; many small events do not either count."""
    with pytest.raises(SseOverflowError):
        parse(b"data: 0123456789\n" * 1_000)
    assert len(parse(b"data: 0123456789\n\n" * 1_000)) == 1_000
