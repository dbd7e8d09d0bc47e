"""How the facts log reads: its head, and one of its revisions."""

from dataclasses import dataclass

from broker.errors import SupersededError, UnreadableRecordError
from broker.store import codec
from broker.store.facts_entry import START, FactsNote, Position, said_of
from broker.store.link import Reply


class BehindError(UnreadableRecordError):
    """The log goes on further up than where somebody reads: begin with its newest snapshot."""


class MadeBeforeError(SupersededError):
    """The request behind a change has made a revision already."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends, and its newest snapshot. ``tail`` is the size of what came since.

    ``restarted`` is the newest revision with which an operator let a log go on that went back.
    """

    end: Position = START
    at_ms: int = 0
    snapshot: Position = START
    name: str = ""
    pieces: int = 0
    sum: str = ""
    size: int = 0
    tail: int = 0
    restarted: int = 0

    @property
    def revision(self) -> int:
        """The newest revision."""
        return self.end.revision


def head_of(flat: Reply) -> Head:
    """Read a head; a log that never began has none.

    Raises:
        UnreadableRecordError: it is none of ours.
    """
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    if not fields:
        return Head()
    with codec.reading("the head of the facts log"):
        bytes_then, bytes_now = int(fields.get("snapshot_bytes", 0)), int(fields["bytes"])
        return Head(
            end=Position(int(fields["revision"]), fields["digest"]),
            at_ms=int(fields["at"]),
            snapshot=Position(int(fields.get("snapshot", 0)), fields.get("snapshot_digest", "")),
            name=fields.get("snapshot_name", ""),
            pieces=int(fields.get("snapshot_pieces", 0)),
            sum=fields.get("snapshot_sum", ""),
            size=int(fields.get("snapshot_size", 0)),
            tail=bytes_now - bytes_then,
            restarted=int(fields.get("restarted", 0)),
        )


def row_of(row: Reply) -> tuple[FactsNote, dict[str, str]]:
    """Read an entry, all of whose fields are there.

    Raises:
        UnreadableRecordError: it is none of ours.
    """
    name, flat = row
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    with codec.reading("the facts log"):
        words = (fields["prev"], fields["at"], fields["digest"], fields["said"], fields["size"])
        _ = (fields["pieces"], fields["body"], fields["text"], fields["restarts"])
    return note_of(name, *words), fields


def note_of(name: str, *words: str) -> FactsNote:
    """Read what an entry says of itself.

    Raises:
        UnreadableRecordError: it is none of ours.
    """
    prev, at, digest, said, size = words
    with codec.reading("the facts log"):
        revision = int(name.removesuffix("-0"))
        return FactsNote(revision, int(prev), int(at), digest, said_of(said), int(size))
