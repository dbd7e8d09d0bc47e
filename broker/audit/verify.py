"""Finds out whether an audit trail is whole: nothing edited, removed, added, moved or cut off.

Each line names the digest of the line before it, so a change anywhere shows at the next line. The
last line is covered by the head that the feed log keeps of every sink; without it a trail whose end
was cut off at a line's end cannot be told from a shorter one.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from broker.audit.record import GAP, GENESIS, digest
from broker.audit.trail_file import MAX_LINE
from broker.store.feed_cursors import Cursor

MAX_FAULTS: Final = 100
"""After so many a trail is not read on."""

_LINES_TOLD: Final = 1000
"""Lines between two words on how far it is: telling costs more than reading one."""


@dataclass(frozen=True, slots=True)
class TrailFault:
    """What is wrong, and in which line (from 1)."""

    line: int
    what: str


@dataclass(slots=True)
class Findings:
    """What a trail turned out to be.

    ``first`` and ``last`` are where it begins and ends, ``epochs`` how often the feed began anew in
    it, ``gaps`` the ranges of seq that it says itself were lost before they could be recorded.
    """

    lines: int = 0
    first: Cursor | None = None
    last: Cursor | None = None
    epochs: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    faults: list[TrailFault] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is wrong with it. Gaps that it names are not faults."""
        return not self.faults


def _nobody(seen: int) -> None:
    """Tell nobody."""


def verify(
    path: Path, *, head: Cursor | None = None, tell: Callable[[int], None] = _nobody
) -> Findings:
    """Read a whole trail. ``head`` is what the feed log knows of its end (``FeedCursors.all``).

    ``tell`` is called now and then with the bytes that were read.

    Raises:
        OSError: the file cannot be read.
    """
    reader = TrailReader(head)
    seen = 0
    for line in _lines(path):
        if len(reader.findings.faults) >= MAX_FAULTS:
            break
        reader.read(line)
        seen += len(line)
        if reader.findings.lines % _LINES_TOLD == 0:
            tell(seen)
    reader.end()
    tell(seen)
    return reader.findings


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE + 1):
            yield line


class TrailReader:
    """Judges a trail line by line. It may go on from another file, which ended at ``follows``."""

    def __init__(self, head: Cursor | None, *, follows: str = GENESIS) -> None:
        self.findings = Findings()
        self._head_digest = head.head if head else GENESIS
        self._is_head_seen = head is None or head.head == GENESIS
        self._prev = follows
        self._numbers: dict[str, int] = {}

    @property
    def end_digest(self) -> str:
        """What a line that follows has to name."""
        return self._prev

    def read(self, raw: bytes) -> dict[str, object]:
        """Judge the next line; return what it says, nothing if it is no record."""
        found = self.findings
        found.lines += 1
        if not raw.endswith(b"\n"):
            self._fault("the line has no end: it was cut off, or is still being written")
        line = raw.removesuffix(b"\n")
        record = self._parsed(line)
        if found.lines == 1 and record.get("prev") == GENESIS:
            self._prev = GENESIS  # a trail of its own
        if record.get("prev") != self._prev:
            self._fault("it does not follow from the line before: one of them was changed")
        self._prev = digest(line)
        self._is_head_seen = self._is_head_seen or self._prev == self._head_digest
        self._check_place(record)
        return record

    def end(self) -> None:
        """Judge the whole, when the last line was read."""
        if not self._is_head_seen:
            self._fault("the end is missing: the feed log knows of a later line, or of another")

    def _parsed(self, line: bytes) -> dict[str, object]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict) or not _has_place(record):
            self._fault("it is no record of an audit trail")
            return {}
        return record

    def _check_place(self, record: dict[str, object]) -> None:
        if not record:
            return
        at = Cursor(int(str(record["seq"])), str(record["epoch"]), self._prev)
        before = self.findings.last
        self.findings.first = self.findings.first or at
        if before is None or before.epoch != at.epoch:
            self.findings.epochs += 1
            self._numbers = {}
        elif record["type"] == GAP:
            self._check_gap(record, before)
        elif at.seq != before.seq + 1:
            self._fault(f"seq {at.seq} comes after {before.seq}")
        self._check_number(record)
        self.findings.last = at

    def _check_gap(self, record: dict[str, object], before: Cursor) -> None:
        first, last = record.get("lost_from"), record.get("lost_to")
        if not isinstance(first, int) or first != before.seq + 1 or last != record["seq"]:
            self._fault("the gap does not begin after the line before")
            return
        self.findings.gaps.append((first, int(str(last))))
        self._numbers = {}

    def _check_number(self, record: dict[str, object]) -> None:
        """Check that no entry of a bucket is passed over, as far as the trail can tell."""
        bucket, n = record.get("bucket"), record.get("n")
        if not isinstance(bucket, str) or not isinstance(n, int):
            return
        if n != self._numbers.get(bucket, n - 1) + 1:
            self._fault(f"bucket {bucket}: number {n} comes after {self._numbers[bucket]}")
        self._numbers[bucket] = n

    def _fault(self, what: str) -> None:
        if len(self.findings.faults) <= MAX_FAULTS:
            self.findings.faults.append(TrailFault(self.findings.lines, what))


def _has_place(record: dict[str, object]) -> bool:
    seq, words = record.get("seq"), [record.get(name) for name in ("epoch", "type", "at", "prev")]
    return (
        isinstance(seq, int)
        and not isinstance(seq, bool)
        and all(isinstance(w, str) for w in words)
    )
