import json
from pathlib import Path

import pytest

from broker.audit.record import GENESIS, line_of
from broker.cli import exits
from broker.cli.main import main
from broker.store.feed_cursors import Cursor
from broker.store.feed_entry import LogEntry
from tests.fakes.ledger import entry_of


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    """A whole trail of five lines."""
    at = Cursor(0, "epoch", GENESIS)
    file = tmp_path / "audit.jsonl"
    with file.open("wb") as output:
        for seq in range(1, 6):
            line = line_of(LogEntry(seq, entry_of(0, seq)), at)
            output.write(line.data + b"\n")
            at = line.at
    return file


def test_a_whole_trail_is_said_to_be_whole(trail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what only the ledger can tell is said not to be known."""
    assert main(["audit", "verify", str(trail)]) == exits.OK

    told = capsys.readouterr().out
    assert "The trail is whole." in told
    assert "only the ledger can tell" in told


@pytest.mark.parametrize("line", [1, 3, 5])
def test_an_edited_line_is_found(
    trail: Path, line: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trail that was edited ends the command with 1, and the lines are named."""
    lines = trail.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b'"epoch"', b'"other"', 1)
    trail.write_bytes(b"".join(lines))

    assert main(["audit", "verify", str(trail), "--json"]) == exits.REFUSED

    found = json.loads(capsys.readouterr().out)
    assert found["whole"] is False
    assert found["faults"]


def test_a_removed_line_is_shown_to_people(trail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict comes first, the faults below it."""
    lines = trail.read_bytes().splitlines(keepends=True)
    trail.write_bytes(b"".join(lines[:2] + lines[3:]))

    assert main(["audit", "verify", str(trail)]) == exits.REFUSED

    told = capsys.readouterr().out
    assert told.startswith("The trail was tampered with, or damaged.")
    assert "it does not follow from the line before" in told


def test_a_missing_file_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody takes a wrong path for a whole trail."""
    assert main(["audit", "verify", "/nowhere/audit.jsonl"]) == exits.USAGE

    assert "does not exist" in capsys.readouterr().err
