"""How long work is told: as bars in a terminal, in lines or not at all elsewhere."""

import io
import json
from pathlib import Path

from broker.audit.record import GENESIS, line_of
from broker.cli import exits
from broker.cli.progress import showing, telling
from broker.store.feed_cursors import Cursor
from broker.store.feed_entry import LogEntry
from tests.fakes import answers
from tests.fakes.command import Command, Ended
from tests.fakes.ledger import entry_of
from tests.fakes.scripted_broker import ScriptedBroker

BAR = "━"
TASK = f"/v1/tasks/{answers.TASK}"


def test_plain_lines_are_few() -> None:
    """A log is not flooded, and has the beginning and the end."""
    output = io.StringIO()

    with telling(output, as_json=False) as teller:
        for done in range(1001):
            teller.tell("revoking", done, 1000)

    lines = output.getvalue().splitlines()
    assert len(lines) == 11
    assert (lines[0], lines[-1]) == ("revoking: 0 of 1000", "revoking: 1000 of 1000")


def test_nothing_to_do_is_told_as_well() -> None:
    """None of none is all of it."""
    output = io.StringIO()

    with telling(output, as_json=False) as teller:
        teller.tell("revoking", 0, 0)

    assert output.getvalue() == "revoking: 0 of 0\n"


def test_programs_get_a_line_of_json_for_each_step() -> None:
    """The same again is not said again."""
    output = io.StringIO()

    with telling(output, as_json=True) as teller:
        for done in (0, 5, 5, 9):
            teller.tell("revoking", done, 9)

    told = [json.loads(line)["progress"] for line in output.getvalue().splitlines()]
    assert told == [{"of": "revoking", "done": done, "total": 9} for done in (0, 5, 9)]


def test_what_nobody_knows_the_end_of_is_told_in_a_terminal_only() -> None:
    """A line that says so many of nobody knows how many tells nothing."""
    for as_json in (False, True):
        output = io.StringIO()
        with telling(output, as_json=as_json) as teller:
            teller.tell("reading receipts", 200, None)
        assert output.getvalue() == ""


def test_bars_are_for_terminals_alone() -> None:
    """Neither lines nor JSON in their place."""
    for as_json in (False, True):
        output = io.StringIO()
        with showing(output, as_json=as_json) as teller:
            teller.tell("checking", 1, 2)
        assert output.getvalue() == ""


def trail_of(file: Path, lines: int) -> Path:
    """Write a whole audit trail."""
    at = Cursor(0, "epoch", GENESIS)
    with file.open("wb") as output:
        for seq in range(1, lines + 1):
            line = line_of(LogEntry(seq, entry_of(0, seq)), at)
            output.write(line.data + b"\n")
            at = line.at
    return file


def test_checking_a_trail_shows_a_bar_beside_the_answer(tmp_path: Path) -> None:
    """It ends full, and standard output has the verdict alone."""
    trail = trail_of(tmp_path / "audit.jsonl", 3000)
    size = -(-trail.stat().st_size // 1024)
    command = Command({})

    checked = command.run_before_a_screen("audit", "verify", str(trail))
    as_json = command.run_before_a_screen("audit", "verify", str(trail), "--json")

    assert (checked.code, as_json.code) == (exits.OK, exits.OK)
    assert f"{size}/{size}" in last_bar(checked)
    assert checked.out.startswith("The trail is whole.")
    assert BAR not in checked.out
    assert json.loads(as_json.out)["lines"] == 3000
    assert as_json.err == ""


def test_a_report_of_many_pages_shows_a_bar_while_it_is_read(broker: ScriptedBroker) -> None:
    """Of a task nobody knows how much is to come; in the end the bar is full."""
    broker.answers[f"GET {TASK}/report"] = (
        200,
        answers.report(following=f"{TASK}/report?cursor=p2"),
    )
    broker.answers[f"GET {TASK}/report?cursor=p2"] = (200, answers.report())
    command = Command({})

    for words in (["report"], ["task", "report"]):
        read = command.run_before_a_screen(*words, answers.TASK)
        as_json = command.run_before_a_screen(*words, answers.TASK, "--json")

        assert (read.code, as_json.code) == (exits.OK, exits.OK)
        assert "2/2" in last_bar(read)
        assert BAR not in read.out
        assert as_json.err == ""


def last_bar(ended: Ended) -> str:
    """Return how the bar stood at last."""
    return [line for line in ended.err.replace("\r", "\n").splitlines() if BAR in line][-1]
