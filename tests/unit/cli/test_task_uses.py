"""`broker task uses`: whose word it is stands before it, and nothing in it is a command."""

import json
from typing import Any

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
from tests.fakes.samples import LEASE
from tests.fakes.scripted_broker import ScriptedBroker

USES = f"GET /v1/tasks/{answers.TASK}/uses"


def said(*uses: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the broker answers."""
    at = "2027-01-15T08:00:00.000Z"
    known = {"task": answers.TASK, "said_by": "agent", "said_at": at, "others": 0, "untold": 0}
    return {**known, "uses": [*uses], **more}


def a_use(**changes: Any) -> dict[str, Any]:
    """One row of it."""
    words = dict.fromkeys(("need", "rule", "method", "host", "problem"), "")
    return {
        **words,
        "outcome": "answered",
        "credential": LEASE,
        "capability": "orders-api",
        "port": 443,
        "status": 200,
        "masked": False,
        "times": 12,
        "said_at": "2027-01-15T08:00:00.000Z",
    } | changes


def test_what_is_said_is_shown_as_said(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is missing of it."""
    stray = a_use(outcome="refused", problem="stray-stand-in", credential="", status=0)
    broker.answers[USES] = (200, said(a_use(rule="orders\u202e"), stray, untold=7))

    assert main(["task", "uses", answers.TASK]) == exits.OK

    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("Said by the agent's own side, and checked by nobody:")
    assert "12" in shown
    assert "untold 7" in shown
    assert "\u202e" not in shown


def test_silence_is_said_to_be_no_sign(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody shall read it as: it used nothing."""
    broker.answers[USES] = (200, said(said_at=None))

    assert main(["task", "uses", answers.TASK]) == exits.OK

    assert "no sign that nothing was used" in " ".join(capsys.readouterr().out.split())


def test_as_json_it_is_the_apis_own(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is added and nothing left away."""
    broker.answers[USES] = (200, said(a_use()))

    assert main(["task", "uses", answers.TASK, "--json"]) == exits.OK

    assert json.loads(capsys.readouterr().out) == said(a_use())
