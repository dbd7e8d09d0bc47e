"""In which form a secret leaves the command: for a shell, as JSON, or for AWS's own tools."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from broker.cli import exits
from broker.cli.main import main
from broker.clock import SystemClock
from tests.fakes import answers
from tests.fakes import token_mint as mint
from tests.fakes.scripted_broker import ScriptedBroker

TASK = f"POST /v1/tasks/{answers.TASK}/credentials"
ISSUE = ["credential", "issue", answers.TASK, "order-files", "--scope", "orders:read"]
AWS = [*ISSUE, "--format", "credential_process"]
WORDS = {
    "access_key_id": "ASIACANARY",
    "secret_access_key": "canary/secret+key",
    "session_token": "canary'token",
    "region": "eu-central-1",
}


def soon(seconds: float) -> str:
    """Name an instant to come."""
    at = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC) + timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def issued(kind: str = "aws_sts", lives_s: float = 300, **words: str) -> dict[str, Any]:
    """Deliver a credential at a target."""
    hidden = {"access_token", "token_type"}
    end = soon(lives_s)
    secret = {**WORDS, "expiration": end, **words} if kind == "aws_sts" else words
    return {name: value for name, value in answers.issued().items() if name not in hidden} | {
        "kind": kind,
        "expires_at": end,
        "secret": secret,
        "target": "files",
    }


def test_a_shell_takes_it_as_it_is(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is in a word; under the names that programs read."""
    broker.answers[TASK] = (201, issued())
    assert main([*ISSUE, "--format", "env"]) == exits.OK

    script = capsys.readouterr().out + "env"
    shell = ["/bin/sh", "-c", script]
    told = subprocess.run(shell, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    found = dict(line.split("=", 1) for line in told.stdout.splitlines() if "=" in line)

    assert found["AWS_ACCESS_KEY_ID"] == WORDS["access_key_id"]
    assert found["AWS_SECRET_ACCESS_KEY"] == WORDS["secret_access_key"]
    assert found["AWS_SESSION_TOKEN"] == WORDS["session_token"]
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-central-1"


@pytest.mark.parametrize(
    ("kind", "words", "name"),
    [("postgres", {"password": "p"}, "PGPASSWORD"), ("toy", {"pass": "p"}, "JIT_PASS")],
)
def test_other_kinds_have_names_too(
    broker: ScriptedBroker,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    words: dict[str, str],
    name: str,
) -> None:
    """Those of their usual programs, or the words' own."""
    broker.answers[TASK] = (201, issued(kind, **words))

    assert main([*ISSUE, "--format", "env"]) == exits.OK

    assert capsys.readouterr().out == f"export {name}=p\n"


def test_a_token_of_the_brokers_has_a_name(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is one word."""
    broker.answers[TASK] = (201, answers.issued())

    assert main([*ISSUE, "--format", "env"]) == exits.OK

    assert capsys.readouterr().out == "export JIT_ACCESS_TOKEN=canary-token\n"


def test_a_secret_goes_to_its_file_alone(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In any form, and also with none: then as JSON, and the rest is told."""
    broker.answers[TASK] = (201, issued())
    file = tmp_path / "keys"

    assert main([*ISSUE, "--format", "json", "--out", str(file)]) == exits.OK
    assert capsys.readouterr().out == ""
    first = json.loads(file.read_text())
    assert main([*ISSUE, "--out", str(file)]) == exits.OK
    told = capsys.readouterr().out

    assert first == json.loads(file.read_text())
    assert first["secret_access_key"] == WORDS["secret_access_key"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert "canary" not in told
    assert "files" in told


def test_nothing_is_shown_in_a_table(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever wants the secret says in which form."""
    broker.answers[TASK] = (201, issued())

    assert main(ISSUE) == exits.OK

    told = capsys.readouterr()
    assert "canary" not in told.out + told.err


def test_what_awss_tools_cannot_take_is_given_back(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would live, and nobody would have it."""
    broker.answers[TASK] = (201, issued("postgres", password="canary"))
    back = f"DELETE /v1/credentials/{mint.LEASE}"
    broker.answers[back] = (200, answers.credential(state="ended"))

    assert main(AWS) == exits.REFUSED

    told = capsys.readouterr()
    assert "given back" in told.err
    assert "canary" not in told.out + told.err
    assert broker.asked[-1].method == "DELETE"


def test_a_kept_credential_is_given_until_it_ends(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The broker is asked once; another question, or too short a rest of life, is another one."""
    broker.answers[TASK] = (201, issued())
    kept = ["--keep", str(tmp_path / "kept")]
    told = []
    for _ in range(2):
        assert main([*AWS, *kept]) == exits.OK
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert len(broker.asked) == 1
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600

    assert main([*AWS, "--scope", "orders:write", *kept]) == exits.OK
    assert len(broker.asked) == 2
    broker.answers[TASK] = (201, issued(lives_s=20))
    for _ in range(2):
        assert main([*AWS, *kept]) == exits.OK
    assert len(broker.asked) == 4


@pytest.mark.parametrize("text", ["", "{", "[]", '{"asked": 1}', "\xff"])
def test_a_kept_file_that_is_none_is_written_anew(
    broker: ScriptedBroker, tmp_path: Path, text: str
) -> None:
    """Also one that others could have written."""
    broker.answers[TASK] = (201, issued())
    file = tmp_path / "kept"
    file.write_text(text)
    file.chmod(0o600)

    assert main([*AWS, "--keep", str(file)]) == exits.OK
    assert len(broker.asked) == 1
    file.chmod(0o620)
    assert main([*AWS, "--keep", str(file)]) == exits.OK
    assert len(broker.asked) == 2


def test_keeping_needs_a_form_and_a_place(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Before anything is issued."""
    assert main([*ISSUE, "--keep", str(tmp_path / "kept")]) == exits.USAGE
    assert main([*AWS, "--keep", str(tmp_path / "gone" / "kept")]) == exits.REFUSED

    assert "--format" in capsys.readouterr().err
    assert broker.asked == []


def test_boto3_takes_its_keys_from_the_command(
    broker: ScriptedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a credential process, again and again; the broker is asked once."""
    broker.answers[TASK] = (201, issued())
    command = [sys.executable, "-m", "broker", *AWS, "--keep", str(tmp_path / "kept")]
    config = tmp_path / "config"
    config.write_text(f"[default]\nregion = x\ncredential_process = {' '.join(command)}\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")

    found = boto3.session.Session().get_credentials()
    keys = [found.get_frozen_credentials() for _ in range(2)]

    assert found.method == "custom-process"
    assert {(key.access_key, key.secret_key, key.token) for key in keys} == {
        (WORDS["access_key_id"], WORDS["secret_access_key"], WORDS["session_token"])
    }
    assert len(broker.asked) == 1
