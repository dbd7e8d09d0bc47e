"""Trails are streamed, each record once, and what breaks their chain is said."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from broker.audit.record import GENESIS, digest, encode
from broker.reviews.trails import MOST_FAULTS, Trails
from broker.reviews.usage import UsageBook


def lines(count: int, *, first: int = 1, prev: str = GENESIS) -> tuple[list[bytes], str]:
    """Write records as a broker does; return them and the digest of the last."""
    made = []
    for seq in range(first, first + count):
        record = {
            "seq": seq,
            "epoch": "e",
            "at": f"2027-01-15T08:00:{seq % 60:02}.000Z",
            "type": "lease.issued",
            "tenant": "acme",
            "bucket": "00",
            "n": seq,
            "op": f"o{seq}",
            "agent": "bot",
            "capability": "orders-api",
            "scopes": ["orders:read"],
            "prev": prev,
        }
        made.append(encode(record))
        prev = digest(made[-1])
    return made, prev


def write(path: Path, made: list[bytes]) -> Path:
    """Write a file."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wb") as file:
        file.write(b"".join(line + b"\n" for line in made))
    return path


def read(*paths: Path) -> tuple[Trails, int]:
    """Read them; return what was found and how many records there were."""
    trails = Trails(paths, lambda _done, _total: None)
    return trails, sum(1 for _ in trails.records())


def test_parts_of_a_rotated_trail_are_one(tmp_path: Path) -> None:
    """In their order, compressed or not."""
    first, end = lines(5)
    second, _ = lines(5, first=6, prev=end)
    paths = write(tmp_path / "a.jsonl.gz", first), write(tmp_path / "b.jsonl", second)

    trails, count = read(*paths)

    assert (count, trails.evidence.verified, trails.evidence.records) == (10, True, 10)


def test_copies_of_several_brokers_count_once(tmp_path: Path) -> None:
    """Each broker writes all of it."""
    made, _ = lines(8)
    paths = write(tmp_path / "a.jsonl", made), write(tmp_path / "b.jsonl", made)

    trails, count = read(*paths)

    assert (count, trails.evidence.verified, trails.evidence.lines) == (8, True, 16)


def test_a_part_that_is_missing_is_said(tmp_path: Path) -> None:
    """What is there is counted, and not called verified."""
    first, end = lines(5)
    middle, end = lines(5, first=6, prev=end)
    last, _ = lines(5, first=11, prev=end)
    paths = write(tmp_path / "a.jsonl", first), write(tmp_path / "c.jsonl", last)

    trails, count = read(*paths)

    assert (count, trails.evidence.verified) == (10, False)
    assert trails.evidence.faults[0].startswith("c.jsonl:1: ")
    assert middle


def forged(made: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Change a trail as somebody would who wants a review to say something else."""
    edited = json.loads(made[3])
    edited["capability"] = "payroll"
    yield "edited", [*made[:3], encode(edited), *made[4:]]
    yield "removed", [*made[:3], *made[4:]]
    yield "moved", [*made[:3], made[4], made[3], *made[5:]]
    yield "added", [*made[:4], encode({**edited, "seq": 99}), *made[4:]]
    yield "not JSON", [*made[:3], b"{", *made[4:]]
    yield "deep", [*made[:3], b"[" * 100_000, *made[4:]]
    yield "no record", [*made[:3], b'{"type":"lease.used","tenant":"acme"}', *made[4:]]


def test_every_forgery_is_said(tmp_path: Path) -> None:
    """Whatever was done, and none of it ends the reading."""
    made, _ = lines(10)
    for name, changed in forged(made):
        trails, count = read(write(tmp_path / f"{name}.jsonl", changed))
        assert not trails.evidence.verified, name
        assert count >= 6, name


def test_what_is_wrong_everywhere_takes_bounded_room(tmp_path: Path) -> None:
    """A file of something else is not remembered line by line."""
    trails, count = read(write(tmp_path / "x.jsonl", [b"nonsense"] * 5_000))

    assert (count, len(trails.evidence.faults)) == (0, MOST_FAULTS)


def test_records_that_lie_about_their_members_count_for_nothing() -> None:
    """Of any type, with anything where texts are to be."""
    book = UsageBook("acme")
    for kind in ("task.opened", "lease.issued", "lease.used", "decision.denied", "behaviour.odd"):
        for wrong in (None, 7, [], {}, [1], "x" * 9_999, {"agent": 7}):
            members = dict.fromkeys(("agent", "request", "scopes", "capability", "actors"), wrong)
            book.add({"type": kind, "tenant": "acme", **members})
    book.add({"type": "lease.issued", "tenant": "globex", "agent": "theirs", "scopes": ["x"]})

    assert "theirs" not in book.agents
    assert book.unread > 0
    assert all(usage.granted == {} for usage in book.agents.values())
