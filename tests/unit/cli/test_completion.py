"""Completing in a shell: commands, options and the ids of open tasks."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import CompletionItem, ShellComplete

from broker.cli.main import ROOT
from tests.fakes import answers
from tests.fakes.scripted_broker import ScriptedBroker

OPEN = "GET /v1/tasks?state=open&limit=50"
OTHER = f"t_01_{'b' * 26}"


def completed(*words: str) -> list[CompletionItem]:
    """Return what is offered for the last word of a line, as a shell's script would ask."""
    return ShellComplete(ROOT, {}, "broker", "_BROKER_COMPLETE").get_completions(
        [*words[:-1]], words[-1]
    )


def values(*words: str) -> list[str]:
    """Return the words that are offered."""
    return [item.value for item in completed(*words)]


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A token that the environment names, and a broker that is waited for however busy it is."""
    file = tmp_path / "token"
    file.write_text("workload.token.of-alice\n")
    monkeypatch.setenv("BROKER_TOKEN_FILE", str(file))
    monkeypatch.setattr("broker.cli.subjects._PATIENCE_SECONDS", 60.0)
    return file


def test_options_commands_and_choices_are_offered() -> None:
    """From the commands themselves, so that it is never another than what there is."""
    assert "show" in values("task", "")
    assert values("revoke", "--older") == ["--older-than"]
    assert values("report", "--wait", "con") == ["confirmed"]


def test_open_tasks_are_offered_by_their_ids(token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the broker and token of the environment, narrowed by what is there of the word."""
    assert token.exists()
    tasks = [answers.task(name="x\x1b[2Jy"), answers.task(id=OTHER)]
    with ScriptedBroker({OPEN: (200, {"tasks": tasks, "next": None})}) as broker:
        monkeypatch.setenv("BROKER_URL", broker.url)

        all_of_them = completed("task", "show", "")
        narrowed = values("task", "show", OTHER[:4])

    assert [item.value for item in all_of_them] == [answers.TASK, OTHER]
    assert all_of_them[0].help == "x\\u001b[2Jy (invoice-bot)"
    assert narrowed == [OTHER]


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9", "http://[::1", "ftp://x"])
def test_without_a_broker_nothing_is_offered_and_nothing_said(
    token: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever presses TAB reads no error."""
    monkeypatch.setenv("BROKER_URL", url)
    assert values("task", "show", "") == []
    token.unlink()
    assert values("task", "show", "") == []

    assert capsys.readouterr() == ("", "")


@pytest.fixture
def with_command(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the command is found, and nobody's own settings are."""
    command = tmp_path / "broker"
    command.write_text(f'#!/bin/sh\nexec {json.dumps(sys.executable)} -m broker "$@"')
    command.chmod(0o700)
    own = {"HOME": str(tmp_path), "ZDOTDIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    return {**os.environ, **own, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TERM": "dumb"}


def run(shell: str, program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program in a shell."""
    return subprocess.run(  # noqa: S603 - a program of ours
        [shutil.which(shell) or shell, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is for bash")
def test_the_script_completes_in_bash(with_command: dict[str, str]) -> None:
    """As it is printed, in the shell itself."""
    program = """
        eval "$(broker completion bash)"
        complete -p broker >&2
        COMP_WORDS=(broker sess) COMP_CWORD=1
        _broker_completion broker
        printf '%s\\n' "${COMPREPLY[@]}"
    """

    done = run("bash", program, with_command)

    assert done.stdout == "session\n", done.stderr
    assert "_broker_completion broker" in done.stderr


@pytest.mark.skipif(shutil.which("fish") is None, reason="the script is for fish")
def test_the_script_completes_in_fish(with_command: dict[str, str]) -> None:
    """Commands, options and choices, with what they mean."""
    program = """
        broker completion fish | source
        for line in "broker sess" "broker revoke --older" "broker report --wait con"
            complete -C $line
        end
    """

    done = run("fish", program, with_command)

    offered = [line.split("\t") for line in done.stdout.splitlines()]
    assert [word for word, *_ in offered] == ["session", "--older-than", "confirmed"], done
    assert offered[0][1] == "End the sessions of people."


@pytest.mark.skipif(shutil.which("zsh") is None, reason="the script is for zsh")
def test_the_script_completes_in_zsh(with_command: dict[str, str], tmp_path: Path) -> None:
    """Which completes only for somebody who presses TAB in a terminal."""
    load = (
        f"autoload -Uz compinit && compinit -u -d {tmp_path}/dump && "
        'eval "$(broker completion zsh)" && echo it"is"ready\n'
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - the shell
        [shutil.which("zsh") or "zsh", "-f", "-i"],
        env=with_command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as shell:
        os.close(theirs)
        try:
            os.write(ours, load.encode())
            read_until(ours, "itisready")
            os.write(ours, b"broker sess\t")
            assert "ential" in read_until(ours, "ential")
        finally:
            shell.kill()
            os.close(ours)


def read_until(terminal: int, word: str) -> str:
    """Read what a terminal shows until a word is there, or the shell has ended."""
    seen = ""
    while word not in seen:
        seen += os.read(terminal, 4096).decode(errors="replace")
    return seen
