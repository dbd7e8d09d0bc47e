"""How a command ends that is refused, or should not have been sent."""

import json
from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
from tests.fakes.command import OPEN
from tests.fakes.scripted_broker import ScriptedBroker

TASK = f"/v1/tasks/{answers.TASK}"


def test_a_refusal_names_the_decision(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is refused knows what to tell the operator."""
    broker.answers["POST /v1/tasks"] = (
        403,
        answers.problem(403, "access-denied", decision=answers.DECISION),
    )

    assert main(OPEN) == exits.REFUSED

    told = capsys.readouterr()
    assert told.out == ""
    assert f"An operator can see why: broker explain {answers.DECISION}" in told.err


def test_a_bad_field_is_named(broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]) -> None:
    """What the broker says of a field reaches the user."""
    broker.answers["POST /v1/tasks"] = (
        400,
        answers.problem(400, "invalid-request", detail="at most 28800 here", field="ttl_seconds"),
    )

    assert main(OPEN) == exits.REFUSED

    assert "at most 28800 here (field ttl_seconds)" in capsys.readouterr().err


def test_a_server_s_words_cannot_act_on_the_terminal(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error text with control sequences is shown, not obeyed."""
    broker.answers["POST /v1/tasks"] = (400, answers.problem(400, "x", detail="a\x1b[2Jb"))

    main(OPEN)

    assert "a\\x1b[2Jb" in capsys.readouterr().err


def test_no_access_now_is_another_code_than_no_access(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script can tell when it is worth to try again."""
    broker.answers[f"POST {TASK}/complete"] = (503, answers.problem(503, "unavailable"))

    assert main(["task", "complete", answers.TASK]) == exits.UNAVAILABLE

    assert "unavailable" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_named(
    broker: ScriptedBroker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A connection that is refused is a sentence with the address."""
    del broker
    monkeypatch.setenv("BROKER_URL", "http://127.0.0.1:9")

    assert main(["task", "complete", answers.TASK]) == exits.UNAVAILABLE

    assert "No broker answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_what_speaks_no_tls_is_no_matter_of_certificates(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever wrote https for http looks at the address, not for an authority to trust."""
    url = broker.url.replace("http://", "https://")

    assert main(["task", "list", "--broker", url]) == exits.UNAVAILABLE

    assert f"What answers at {url} speaks no TLS" in capsys.readouterr().err


def test_a_task_is_printed_as_the_api_has_it(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that reads both finds the same numbers, written the same way."""
    broker.answers[f"GET {TASK}"] = (200, answers.task())

    assert main(["task", "show", answers.TASK, "--json"]) == exits.OK

    assert json.dumps(json.loads(capsys.readouterr().out)) == json.dumps(answers.task())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["task", "show", "t_7"], "send a whole t_… or c_… as it was given (field task)"),
        (["explain", "x"], "send a whole d_… as it was given (field decision)"),
        (["task", "show", answers.TASK, "--broker", "http://broker.example"], "must be https"),
        (["task", "show", answers.TASK, "--broker", "broker"], "must be absolute"),
        (["revoke", "--reason", "x"], "say what to revoke, with some of --credential, --task"),
        (["revoke", "--task", answers.TASK, "--agent", "a", "--reason", "x"], "with --dry-run"),
        (["revoke", "--all", "--reason", "x"], "--all without a terminal needs --yes"),
        (["revoke", "--agent", "a"], "Missing option '--reason'"),
        (["revoke", "--agent", "a", "--agent", "b", "--reason", "x"], "'--agent': it stands for"),
        (["revoke", "--agent", "", "--capability", "c", "--reason", "x"], "'--agent': it is empty"),
        (["revoke", "--all", "--in-tenant", "", "--yes", "--reason", "x"], "'--in-tenant': it is"),
        (["revoke", "--set", "", "--agent", "a", "--reason", "x"], "'--set': it is empty"),
        (["revoke", "--set", "ab" * 32, "--dry-run"], "--dry-run shows a set, --set kills one"),
        (
            ["revoke", "--data-class", "x", "--yes", "--idempotency-key", "k", "--reason", "x"],
            "pass it with --set DIGEST",
        ),
        (["revoke", "--older-than", "0s", "--dry-run"], "'0s' is too short; write 1s or more"),
        (["panic", "--agent", "a", "--agent", "b", "--reason", "x"], "'--agent': it stands for"),
        ([*OPEN, "--parent", ""], "'--parent': it is empty"),
        (["task", "list", "--agent", ""], "'--agent': it is empty"),
        ([*OPEN, "--ttl", "soon"], "is no duration; write 90s"),
    ],
)
def test_a_wrong_command_line_sends_nothing(
    arguments: list[str],
    words: str,
    broker: ScriptedBroker,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Usage errors are found before anybody is asked."""
    assert main(arguments) == exits.USAGE

    assert words in capsys.readouterr().err
    assert broker.asked == []


def test_a_token_comes_from_a_file_only(
    broker: ScriptedBroker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A missing file is named, and nothing is sent without a token."""
    monkeypatch.setenv("BROKER_TOKEN_FILE", str(tmp_path / "nowhere"))

    assert main(["task", "list"]) == exits.REFUSED

    assert "No workload token can be read from" in capsys.readouterr().err
    assert broker.asked == []
