"""What the tests of the audit sink share: making sinks, letting things happen, looking."""

import json
from pathlib import Path

import pytest

from broker.audit.json_lines import JsonLinesSink
from broker.audit.verify import verify
from broker.clock import SystemClock
from broker.store.feed_log import FeedLog
from tests.fakes.ledger import entry_of
from tests.fakes.runners import eventually, running

one_server = pytest.mark.parametrize("link", ["mux"], indirect=True)


def make_sink(log: FeedLog, path: Path) -> JsonLinesSink:
    """Make a broker's sink."""
    return JsonLinesSink(path, log, clock=SystemClock(), name=path.stem)


async def happen(log: FeedLog, *numbers: int, bucket: int = 0) -> None:
    """Let entries come into the log."""
    await log.append(bucket, [entry_of(bucket, n) for n in numbers])


async def has_stored(log: FeedLog, name: str, seq: int) -> bool:
    """Tell whether a sink has told that it is so far."""
    cursor = (await log.cursors.all()).get(name)
    return cursor is not None and cursor.seq == seq


async def copies(log: FeedLog, path: Path, seq: int) -> None:
    """Run a sink until it has stored so much."""
    async with running(make_sink(log, path)):
        await eventually(lambda: has_stored(log, path.stem, seq))


def records(path: Path) -> list[dict[str, object]]:
    """Read the trail."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def read(path: Path) -> bytes:
    """Read the file."""
    return path.read_bytes()


def write(path: Path, data: bytes) -> None:
    """Meddle with the file."""
    path.write_bytes(data)


def remove(path: Path) -> None:
    """Take the file away."""
    path.unlink()


async def is_unhealthy(sink: JsonLinesSink, text: str) -> bool:
    """Tell whether a sink says that it is not well, in these words."""
    return not sink.is_healthy() and text in sink.reason()


async def is_healthy(sink: JsonLinesSink) -> bool:
    """Tell whether a sink is well."""
    return sink.is_healthy()


async def is_writing(sink: JsonLinesSink) -> bool:
    """Tell whether a sink waits for its disk."""
    return sink._waits_since_ms is not None  # noqa: SLF001 - nothing else shows it in time


async def assert_whole(log: FeedLog, path: Path) -> None:
    """Verify the trail against what the feed log knows of it."""
    head = (await log.cursors.all())[path.stem]
    findings = verify(path, head=head)
    assert findings.faults == []


def seqs(path: Path) -> list[object]:
    """List what the trail has."""
    return [record["seq"] for record in records(path)]
