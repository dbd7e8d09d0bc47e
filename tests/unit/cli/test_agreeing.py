"""Asking for a credential that people may have to agree to first, on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes.answers import TASK
from tests.fakes.approval_answers import APPROVAL, awaited
from tests.fakes.scripted_broker import ScriptedBroker

POST: Final = f"POST /v1/tasks/{TASK}/credentials"


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedBroker]:
    """A broker where refunds wait for people."""
    token = tmp_path / "token"
    token.write_text("workload.token.of-a-bot\n")
    with ScriptedBroker({POST: (202, awaited())}) as broker:
        monkeypatch.setenv("BROKER_URL", broker.url)
        monkeypatch.setenv("BROKER_TOKEN_FILE", str(token))
        yield broker


def issue(*more: str) -> int:
    """Ask for a refund."""
    return main(["credential", "issue", TASK, "refunds", "--scope", "refunds:write", *more])


def test_what_waits_is_said_with_how_to_go_on(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an exit code of its own, and nothing where a script expects a credential."""
    code = issue()

    told = capsys.readouterr()
    assert (code, told.out) == (exits.NOT_REACHED, "")
    assert told.err.splitlines() == [
        f"people have to agree first: {APPROVAL} waits for them until 2027-01-15T09:00:00Z",
        f"They look at it with: broker approval show {APPROVAL}",
        "Once they have agreed, the same command gets it; --wait-for-approval 10m waits.",
    ]
    assert len(broker.asked) == 1


def test_a_program_is_told_in_json(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the API tells it: where to look, and the digest of what people see."""
    assert broker.url
    assert issue("--json") == exits.NOT_REACHED

    assert json.loads(capsys.readouterr().out) == awaited()


def test_labels_are_sent(broker: ScriptedBroker) -> None:
    """With whatever stands behind the first equals sign."""
    issue("--label", "ticket=T-1", "--label", "note=a=b")

    assert broker.asked[0].body["labels"] == {"ticket": "T-1", "note": "a=b"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--label", "amount=1", "--label", "amount=2"], "say each --label once"),
        (["--label", "amount"], "'amount' is no label; write for example ticket=T-1"),
        (["--label", "=1"], "'=1' is no label"),
        (["--wait-for-approval", "0"], "is too short"),
        (["--wait-for-approval", "soon"], "is no duration"),
    ],
)
def test_what_is_written_wrongly_is_not_sent(
    given: list[str], told: str, broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how it is written."""
    assert issue(*given) == exits.USAGE

    assert told in capsys.readouterr().err
    assert broker.asked == []


def test_a_broker_that_names_no_approval_is_not_followed(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no id never becomes part of a path, nor of what is shown."""
    broker.answers[POST] = (202, awaited(id="../x\x1b[2J"))

    assert issue("--wait-for-approval", "10s") == exits.REFUSED

    assert "\x1b" not in capsys.readouterr().err
    assert len(broker.asked) == 1
