"""Whether a trail that was tampered with can be told from a whole one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.audit.record import GENESIS, digest, encode, gap_line, line_of
from broker.audit.verify import MAX_FAULTS, verify
from broker.store.feed_cursors import Cursor
from broker.store.feed_entry import LogEntry
from tests.fakes.ledger import entry_of

LINES = 40
START = Cursor(0, "epoch", GENESIS)


def make_trail(count: int = LINES, start: Cursor = START) -> tuple[list[bytes], Cursor]:
    """Make a whole trail over three buckets; returns its lines and its head."""
    lines, at = [], start
    for seq in range(start.seq + 1, start.seq + count + 1):
        line = line_of(LogEntry(seq, entry_of(seq % 3, (seq + 2) // 3)), at)
        lines.append(line.data)
        at = line.at
    return lines, at


def write(path: Path, lines: list[bytes]) -> Path:
    """Write lines as a trail."""
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def _edit(lines: list[bytes], at: int) -> None:
    lines[at] = lines[at].replace(b'"acme"', b'"beta"')


def _edit_one_bit(lines: list[bytes], at: int) -> None:
    lines[at] = lines[at][:-10] + bytes([lines[at][-10] ^ 1]) + lines[at][-9:]


def _delete(lines: list[bytes], at: int) -> None:
    del lines[at]


def _swap(lines: list[bytes], at: int) -> None:
    other = at - 1 if at else 1
    lines[at], lines[other] = lines[other], lines[at]


def _double(lines: list[bytes], at: int) -> None:
    lines.insert(at, lines[at])


def _insert_forged(lines: list[bytes], at: int) -> None:
    record = json.loads(lines[at])
    record["op"] = "forged"
    lines.insert(at + 1, encode({**record, "prev": digest(lines[at])}))


def _cut_inside(lines: list[bytes], at: int) -> None:
    lines[at] = lines[at][: len(lines[at]) // 2]


def _cut_from(lines: list[bytes], at: int) -> None:
    del lines[at:]


def _cut_before(lines: list[bytes], at: int) -> None:
    del lines[: at + 1]


def _spaces(lines: list[bytes], at: int) -> None:
    lines[at] = lines[at].replace(b",", b", ", 1)


def _rehash_the_rest(lines: list[bytes], at: int) -> None:
    """Edit a line and mend the chain behind it: only who knows the head can tell."""
    _edit(lines, at)
    prev = GENESIS if at == 0 else digest(lines[at - 1])
    for index in range(at, len(lines)):
        lines[index] = encode({**json.loads(lines[index]), "prev": prev})
        prev = digest(lines[index])


def _delete_and_rehash(lines: list[bytes], at: int) -> None:
    """Remove a line and mend the chain behind it."""
    del lines[at]
    prev = GENESIS if at == 0 else digest(lines[at - 1])
    for index in range(at, len(lines)):
        lines[index] = encode({**json.loads(lines[index]), "prev": prev})
        prev = digest(lines[index])


Mutation = Callable[[list[bytes], int], None]

MUTATIONS: list[Mutation] = [
    _edit,
    _edit_one_bit,
    _delete,
    _swap,
    _double,
    _insert_forged,
    _cut_inside,
    _cut_from,
    _cut_before,
    _spaces,
    _rehash_the_rest,
    _delete_and_rehash,
]


@pytest.mark.parametrize("at", range(LINES))
@pytest.mark.parametrize("mutate", MUTATIONS)
def test_every_change_at_every_place_is_found(tmp_path: Path, mutate: Mutation, at: int) -> None:
    """F9: with the head that the feed log keeps, without exception."""
    lines, head = make_trail()
    mutate(lines, at)

    findings = verify(write(tmp_path / "trail", lines), head=head)

    assert not findings.is_whole


@pytest.mark.parametrize("at", range(LINES - 1))
@pytest.mark.parametrize(
    "mutate",
    [_edit, _edit_one_bit, _delete, _swap, _double, _insert_forged, _cut_inside, _cut_before],
)
def test_changes_before_the_last_line_need_no_head(
    tmp_path: Path, mutate: Mutation, at: int
) -> None:
    """The file alone tells, and names a line at which it shows."""
    lines, _ = make_trail()
    mutate(lines, at)

    findings = verify(write(tmp_path / "trail", lines))

    assert not findings.is_whole
    assert abs(findings.faults[0].line - 1 - at) <= 2 or mutate is _cut_before


def test_a_whole_trail_is_whole(tmp_path: Path) -> None:
    """With and without its head; the findings say where it begins and ends."""
    lines, head = make_trail()
    path = write(tmp_path / "trail", lines)

    findings = verify(path, head=head)

    assert findings.is_whole
    assert verify(path).is_whole
    assert findings.lines == LINES
    assert findings.first is not None
    assert (findings.first.seq, findings.last, findings.epochs) == (1, head, 1)


def test_an_empty_trail_is_whole_unless_something_was_stored(tmp_path: Path) -> None:
    """A file that was emptied is no new one."""
    path = write(tmp_path / "trail", [])

    assert verify(path).is_whole
    assert verify(path, head=START).is_whole
    assert not verify(path, head=Cursor(1, "epoch", "d" * 64)).is_whole


def test_a_trail_that_is_ahead_of_its_head_is_whole(tmp_path: Path) -> None:
    """A broker may die between writing a line and telling that it is stored."""
    first, head = make_trail(10)
    more, _ = make_trail(5, head)

    assert verify(write(tmp_path / "trail", first + more), head=head).is_whole


def test_a_new_epoch_begins_anywhere_and_the_chain_goes_on(tmp_path: Path) -> None:
    """The feed log was lost: its numbers begin again, the trail does not."""
    first, head = make_trail(10)
    second, end = make_trail(5, Cursor(0, "another", head.head))

    findings = verify(write(tmp_path / "trail", first + second), head=end)

    assert findings.is_whole
    assert findings.epochs == 2


def test_a_named_gap_is_no_fault_and_is_told(tmp_path: Path) -> None:
    """What the feed log no longer had was never in the trail."""
    first, head = make_trail(10)
    gap = gap_line(20, head, 0)
    rest, end = make_trail(5, gap.at)

    findings = verify(write(tmp_path / "trail", [*first, gap.data, *rest]), head=end)

    assert findings.is_whole
    assert findings.gaps == [(11, 20)]


def test_a_gap_that_does_not_fit_is_a_fault(tmp_path: Path) -> None:
    """Nobody hides lines behind a gap that begins earlier or later."""
    first, head = make_trail(10)
    forged = encode({**json.loads(gap_line(20, head, 0).data), "lost_from": 9})

    assert not verify(write(tmp_path / "trail", [*first, forged])).is_whole


@pytest.mark.parametrize("junk", [b"", b"\x00" * 50, b"[]", b"{}", b"[" * 100_000, b'{"seq":true}'])
def test_junk_is_a_fault_and_no_crash(tmp_path: Path, junk: bytes) -> None:
    """Whatever somebody wrote into the file."""
    lines, _ = make_trail(3)

    assert not verify(write(tmp_path / "trail", [*lines, junk])).is_whole


def test_a_trail_that_is_all_wrong_is_not_read_to_its_end(tmp_path: Path) -> None:
    """The report stays readable."""
    findings = verify(write(tmp_path / "trail", [b"junk"] * 1000))

    assert MAX_FAULTS <= len(findings.faults) <= MAX_FAULTS + 3
