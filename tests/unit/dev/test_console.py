import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from broker.dev.console import JsonReporter, PrintedReporter, Reporter, printed
from broker.dev.step import Death, Outcome, StepFailedError

GOLDEN = Path(__file__).parent / "golden"
OPENED = Outcome("done-open", "A task that is done", "ci opens a task", "t_07_aaaa", 6)
FAILED = Outcome(
    *("done-refused", "A task that is done", "the token is refused", "200", 21),
    StepFailedError(expected="401, and for good", seen="200"),
)
DEATHS = (
    Death("reconcile-invoices", "t_07_aaaa", "l_07_bbbb", "done", "confirmed", 11),
    Death("[red]loud[/red]\x1b[2J", "t_08_cccc", "l_08_dddd", "idle", "confirmed", 312),
)


def tell(reporter: Reporter, *, failing: bool) -> None:
    """Tell a story of one step, or of two when the second goes wrong."""
    reporter.begin(OPENED.chapter, OPENED.title)
    reporter.done(OPENED)
    if failing:
        reporter.begin(FAILED.chapter, FAILED.title)
        reporter.done(FAILED)
        reporter.end(f"Step {FAILED.name!r} failed: {FAILED.failure}")
    else:
        reporter.receipts(DEATHS)
        reporter.end("")


@pytest.mark.parametrize("failing", [False, True], ids=["good", "failing"])
def test_a_pipe_gets_plain_lines(*, failing: bool) -> None:
    """In a log there are no colours, no spinner and no cursor movements."""
    out = io.StringIO()

    tell(printed(out), failing=failing)

    name = "story-failing.txt" if failing else "story-good.txt"
    assert out.getvalue() == (GOLDEN / name).read_text()


def test_a_terminal_gets_colour_and_progress() -> None:
    """Someone who watches sees what is being waited for."""
    out = io.StringIO()
    reporter = PrintedReporter(Console(file=out, force_terminal=True, width=80))

    tell(reporter, failing=False)

    assert "\x1b[32m" in out.getvalue()
    assert "ci opens a task" in out.getvalue()


def test_a_terminal_is_left_as_it_was_found() -> None:
    """The spinner hides the cursor and the end of the story brings it back, failing or not."""
    out = io.StringIO()
    reporter = PrintedReporter(Console(file=out, force_terminal=True, width=80))

    reporter.begin(OPENED.chapter, OPENED.title)
    reporter.end("interrupted")

    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


def test_json_is_one_document() -> None:
    """A program reads one object, with every step and receipt."""
    out = io.StringIO()

    tell(JsonReporter(out), failing=False)

    document = json.loads(out.getvalue())
    assert document["ok"] is True
    assert document["failure"] == ""
    assert [step["name"] for step in document["steps"]] == ["done-open"]
    assert document["receipts"][0] == {
        "task_name": "reconcile-invoices",
        "task": "t_07_aaaa",
        "credential": "l_07_bbbb",
        "cause": "done",
        "state": "confirmed",
        "milliseconds": 11,
    }


def test_json_names_the_step_that_failed() -> None:
    """What was expected and what was seen are members of their own."""
    out = io.StringIO()

    tell(JsonReporter(out), failing=True)

    document = json.loads(out.getvalue())
    assert document["ok"] is False
    assert "'done-refused' failed: expected 401, and for good; saw 200" in document["failure"]
    assert document["steps"][-1]["ok"] is False
    assert document["steps"][-1]["expected"] == "401, and for good"
    assert document["steps"][-1]["seen"] == "200"
