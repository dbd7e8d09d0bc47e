"""Whatever word stands on a command line, its user is answered with a sentence and a code."""

import io
import sys
from pathlib import Path
from typing import Final

import click
import pytest
import yaml

from broker.cli import exits
from broker.cli.main import main
from broker.dev.configure import shipped
from tests.architecture.test_cli_reference import tree

NOBODY: Final = "http://127.0.0.1:9"
TASK: Final = f"t_00_{'a' * 26}"
WORDS: Final = ["", "x" * 5_000, "\udc80", "\x1b[2J"]
"""Nothing, what is no name of any file, what is no UTF-8, and what would act on a terminal."""

FOR_GOOD: Final = {"broker serve", "broker dev", "broker demo", "broker watch kubernetes"}
"""They run until they are stopped; how they read the configuration is the others' way."""

COMMANDS: Final = {
    path: command
    for path, command in tree().items()
    if not isinstance(command, click.Group) and path not in FOR_GOOD
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped configuration over a store that is not there, and a broker that is not."""
    folder = tmp_path / "config"
    for source in shipped().rglob("*"):
        if source.is_file():
            target = folder / source.relative_to(shipped())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text())
    settings = yaml.safe_load((folder / "broker.yaml").read_text())
    settings["store"]["url"] = f"unix://{tmp_path}/nowhere.sock"
    settings["keys"]["directory"] = str(tmp_path / "keys")
    (folder / "broker.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "token").write_text("workload.token.of-alice\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))  # helpers read what is asked
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROKER_CONFIG", str(folder))
    monkeypatch.setenv("BROKER_URL", NOBODY)
    monkeypatch.setenv("BROKER_TOKEN_FILE", str(tmp_path / "token"))
    return folder


def lines(path: str, word: str) -> list[list[str]]:
    """Write a word wherever a command takes one."""
    parameters = COMMANDS[path].params
    named = [each for each in parameters if isinstance(each, click.Option) and not each.is_flag]
    given = [each for each in parameters if isinstance(each, click.Argument)]
    words = path.split()[1:]
    found = [[*words, *([TASK] * len(given)), each.opts[-1], word] for each in named]
    return [*found, [*words, "--", *([word] * len(given))]] if given else found


@pytest.mark.parametrize("path", COMMANDS)
def test_no_word_makes_a_traceback(
    path: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In no option and no argument of any command; and none of it reaches the terminal as it is."""
    assert config.exists()
    for word in WORDS:
        for line in lines(path, word):
            code = main(line)

            told = capsys.readouterr()
            assert code in exits.MEANINGS, line
            assert code == exits.OK or told.err, line
            assert "\x1b" not in told.err + told.out, line


def test_a_configuration_that_can_be_nowhere_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """As one that is not there."""
    assert main(["config", "check", "--config", "x" * 5_000]) == exits.CONFIGURATION
    assert "cannot be read" in capsys.readouterr().err


def test_a_trail_that_cannot_be_read_to_its_end_is_no_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A failing disk is told as such: neither whole nor tampered with."""
    if not sys.platform.startswith("linux"):
        pytest.skip("a file that opens and cannot be read is at hand on Linux only")

    assert main(["audit", "verify", "/proc/self/mem"]) == exits.REFUSED

    told = capsys.readouterr()
    assert told.out == ""
    assert "/proc/self/mem: Input/output error" in told.err
