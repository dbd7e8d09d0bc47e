"""`broker dev`: what it prints can be used, and nothing of it stays."""

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes.census import all_gone
from tests.fakes.told_story import processes_on

pytestmark = pytest.mark.slow

OPEN = [
    *("task", "open", "--name", "try-it", "--agent", "invoice-bot", "--tenant", "acme"),
    *("--instance", "pod-1", "--capability", "orders-api=orders:read", "--ttl", "10m", "--json"),
]


@pytest.fixture(scope="module")
def playground() -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running `broker dev`, and what it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "dev", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        lines = iter(output.readline, "}\n")
        yield process, json.loads("".join(lines) + "}")
    process.kill()
    process.wait()


@pytest.fixture
def up(
    playground: tuple[subprocess.Popen[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> dict[str, Any]:
    """The exports of the playground, set."""
    monkeypatch.setenv("BROKER_URL", playground[1]["broker"])
    monkeypatch.setenv("BROKER_CONFIG", playground[1]["config"])
    monkeypatch.setenv("BROKER_DEV_STATE", playground[1]["state"])
    monkeypatch.setenv("BROKER_TOKEN_FILE", str(tmp_path / "token"))
    return playground[1]


def play(identity: str, file: Path) -> None:
    """Get a token for a part, into a file."""
    code = main(["dev", "token", "--as", identity, "--instance", "pod-1", "--out", str(file)])
    assert code == exits.OK


def test_the_broker_gives_access(up: dict[str, Any]) -> None:
    """What is printed as the broker's URL is a broker that is ready."""
    with urlopen(f"{up['broker']}/readyz") as answer:  # noqa: S310 - our own
        assert json.load(answer)["ready"] is True


def test_a_task_is_opened_and_ended_by_hand(
    up: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands of the documentation work on it, each with the token of its part."""
    del up
    token = tmp_path / "token"

    play("orchestrator:ci-orchestrator", token)
    assert main(OPEN) == exits.OK
    task = json.loads(capsys.readouterr().out)["id"]
    play("agent:invoice-bot", token)
    assert main(["task", "complete", task, "--json"]) == exits.OK
    report = json.loads(capsys.readouterr().out)

    assert report["task"]["state"] == "completed"
    assert report["task"]["closed_by"] == "agent:invoice-bot"


def test_a_foreign_task_looks_like_an_absent_one(
    up: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another agent learns nothing, not even that the task exists."""
    del up
    token = tmp_path / "token"
    play("orchestrator:ci-orchestrator", token)
    main(OPEN)
    task = json.loads(capsys.readouterr().out)["id"]

    play("agent:report-bot", token)
    code = main(["task", "show", task])

    assert code == exits.REFUSED
    assert "404 not-found" in capsys.readouterr().err


def test_commands_that_read_a_configuration_find_the_broker_s_own(
    up: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exports set, none of them needs an option."""
    for words in (["config", "check"], ["keys", "list"], ["revisions", "list"], ["doctor"]):
        assert main([*words, "--json"]) == exits.OK, words
    assert main(["apply", "--dry-run"]) == exits.OK

    told = capsys.readouterr().out
    assert "nothing to publish" in told
    assert Path(up["config"]).is_file()


def test_a_token_file_is_private(up: dict[str, Any], tmp_path: Path) -> None:
    """Workload tokens are written for their owner only."""
    del up
    play("operator:alice", tmp_path / "token")

    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_ctrl_c_ends_it_all(playground: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    """Nothing stays when it is over; this is the last test on this playground."""
    process, told = playground
    assert processes_on(Path(told["state"]))

    process.send_signal(signal.SIGINT)

    assert process.wait(60) == exits.INTERRUPTED
    assert all_gone([process.pid], Path(told["state"]))
    assert processes_on(Path(told["state"])) == []
