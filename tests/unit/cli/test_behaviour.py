"""`broker behaviour`: findings from a broker, and replays of a file."""

import json
from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
from tests.fakes.behaviour_weeks import FOLDER
from tests.fakes.scripted_broker import ScriptedBroker

PATH = f"/v1/findings/{answers.FINDING}"


def test_a_trail_is_replayed_without_a_broker(capsys: pytest.CaptureFixture[str]) -> None:
    """The file alone says what would have been found."""
    assert main(["behaviour", "replay", str(FOLDER / "benign.jsonl"), "--json"]) == exits.OK

    printed = json.loads(capsys.readouterr().out)
    assert printed["counts"] == {"first-capability": 1, "instances": 1}
    assert printed["events"] == len((FOLDER / "benign.jsonl").read_text().splitlines())


def test_what_is_no_trail_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the number of the line, and no traceback."""
    file = tmp_path / "x.jsonl"
    file.write_text("{}\n")

    assert main(["behaviour", "replay", str(file)]) == exits.REFUSED
    assert "line 1" in capsys.readouterr().err


def test_findings_are_listed_and_acknowledged(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the API has them."""
    broker.answers["GET /v1/findings"] = (200, answers.findings())
    broker.answers[f"POST {PATH}/acknowledge"] = (200, answers.finding())

    assert main(["behaviour", "list"]) == exits.OK
    assert answers.FINDING in capsys.readouterr().out
    assert main(["behaviour", "acknowledge", answers.FINDING, "--reason", "seen"]) == exits.OK

    assert broker.asked[-1].body == {"reason": "seen"}
