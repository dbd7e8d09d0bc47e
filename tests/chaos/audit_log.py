"""What the audit trail says of every lease."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def read_audit(file: Path) -> list[Record]:
    """Read one broker's trail; a line that is still being written does not count."""
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def starts_and_ends(records: list[Record]) -> tuple[Counter[str], Counter[str]]:
    """Count how often each lease starts and ends."""
    starts = Counter(r["credential"] for r in records if r["type"] == "lease.issued")
    ends = Counter(r["credential"] for r in records if r["type"] == "lease.ended")
    return starts, ends


def undone(records: list[Record]) -> set[str]:
    """Name the leases that nobody got."""
    ends = [r for r in records if r["type"] == "lease.ended"]
    return {r["credential"] for r in ends if r["ended_by"] == "undone"}


def require_dense(records: list[Record]) -> None:
    """Check that the trail has no hole and no repetition, epoch by epoch."""
    seen: dict[str, int] = {}
    for record in records:
        epoch, seq = record["epoch"], record["seq"]
        assert seq == seen.get(epoch, seq - 1) + 1, f"after {seen.get(epoch)} came {seq}"
        seen[epoch] = seq
