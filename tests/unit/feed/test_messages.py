"""The bytes of the feed."""

from broker.feed.messages import Framed, alive, frame, snapshot
from broker.store.feed_event import Announcement

EVENT = Announcement(7, "acme", frozenset({"*"}), b'{"jti":"l_1","exp":5}')


def test_a_snapshot_page() -> None:
    """As documented."""
    assert snapshot("e", 9, [EVENT, EVENT], more=True) == (
        b'event: snapshot\ndata: {"epoch":"e","seq":9,"events":'
        b'[{"jti":"l_1","exp":5},{"jti":"l_1","exp":5}],"more":true}\n\n'
    )
    assert snapshot("e", 0, [], more=False) == (
        b'event: snapshot\ndata: {"epoch":"e","seq":0,"events":[],"more":false}\n\n'
    )


def test_a_frame_names_its_seq_as_its_id() -> None:
    """So that an EventSource says it when it comes again."""
    assert frame("e", 9, 4, [EVENT]) == (
        b'event: frame\nid: 9\ndata: {"seq":9,"prev":4,"epoch":"e",'
        b'"events":[{"jti":"l_1","exp":5}]}\n\n'
    )


def test_an_alive_message() -> None:
    """It has no id: it moves nobody."""
    assert alive("e", 9, 123) == b'event: alive\ndata: {"read_at":123,"seq":9,"epoch":"e"}\n\n'


def test_a_framed_message_is_one_chunk() -> None:
    """RFC 9112 §7.1."""
    assert Framed(b"x" * 26).chunk == b"1a\r\n" + b"x" * 26 + b"\r\n"
