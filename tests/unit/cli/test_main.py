import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from broker.cli import exits
from broker.cli.lazy import Entry
from broker.cli.main import COMMANDS, main
from broker.errors import (
    AccessDeniedError,
    ConfigurationError,
    StoreUnavailableError,
)

HEAVY = ("aiohttp", "redis", "cedarpy", "cryptography", "apscheduler", "rich", "msgspec", "yaml")


@click.group()
def raises() -> None:
    """Stand for any command that fails."""


ERRORS: Mapping[str, BaseException] = {
    "configuration": ConfigurationError("config/broker.yaml:3: store.url: missing; add it"),
    "unavailable": StoreUnavailableError("the ledger did not answer"),
    "refused": AccessDeniedError("scope"),
    "interrupted": KeyboardInterrupt(),
    "usage": click.UsageError("no such option"),
}


@raises.command()
@click.argument("what")
def error(what: str) -> None:
    """Raise the named error."""
    raise ERRORS[what]


class FailingEntry(Entry):
    """An entry whose command is at hand."""

    def load(self) -> click.Command:
        """Return the group above."""
        return raises


@pytest.fixture
def _raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a command that fails on demand."""
    monkeypatch.setitem(COMMANDS, "raises", FailingEntry("", "", "Fail."))


@pytest.mark.usefixtures("_raises")
@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("configuration", exits.CONFIGURATION),
        ("unavailable", exits.UNAVAILABLE),
        ("refused", exits.REFUSED),
        ("interrupted", exits.INTERRUPTED),
        ("usage", exits.USAGE),
    ],
)
def test_every_ending_has_its_exit_code(
    what: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts can tell a refusal from an outage, a typing error and a bad configuration."""
    assert main(["raises", "error", what]) == code

    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("_raises")
def test_an_error_is_said_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output stays clean for whatever reads it."""
    main(["raises", "error", "configuration"])

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "config/broker.yaml:3: store.url: missing; add it\n"


@pytest.mark.usefixtures("_raises")
def test_a_fault_of_the_program_is_not_hidden() -> None:
    """Only errors that are raised on purpose become sentences."""
    with pytest.raises(KeyError):
        main(["raises", "error", "unknown"])


def test_a_mistyped_command_names_its_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer to `broker tsak` is `broker task`."""
    assert main(["tsak"]) == exits.USAGE

    assert "no such command: 'tsak'; try broker task" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that starts with a dash is never taken for a command."""
    assert main(["--nope"]) == exits.USAGE

    assert "--nope" in capsys.readouterr().err


CLOSED = "import os, sys; os.closerange(0, 3); os.execv(sys.executable, sys.argv[1:])"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["help", "exit-codes"], exits.OK),
        (["help", "exit-codes", "--json"], exits.OK),
        (["revoke", "--all", "--reason", "x"], exits.USAGE),
        (["tsak"], exits.USAGE),
    ],
)
def test_a_command_runs_without_any_stream(line: list[str], code: int, tmp_path: Path) -> None:
    """What starts it may have closed all three: it does what it shall, and its code says so."""
    there = {"BROKER_URL": "http://127.0.0.1:9", "BROKER_TOKEN_FILE": str(tmp_path)}

    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", CLOSED, sys.executable, "-m", "broker", *line],
        env={**os.environ, **there},
        check=False,
    )

    assert done.returncode == code


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_an_answer_without_room_is_told_of(form: list[str]) -> None:
    """A full disk is a sentence, and no success."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "broker", "help", "exit-codes", *form],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == exits.REFUSED
    assert "its answer cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_completion_load_no_heavy_library() -> None:
    """`broker --help` answers in a blink: what it loads is click and the table."""
    code = (
        "import sys; from broker.cli.main import main; main(['--help']); "
        f"sys.exit(' '.join(m for m in {HEAVY!r} if m in sys.modules) or 0)"
    )

    done = subprocess.run(  # noqa: S603 - the code above
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.returncode == 0


def test_completing_a_command_needs_the_table_only() -> None:
    """Pressing TAB loads no command either."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "broker"],
        env={"_BROKER_COMPLETE": "bash_complete", "COMP_WORDS": "broker c", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    named = [f"plain,{name}" for name in COMMANDS if name.startswith("c")]
    assert done.stdout.split() == named
    assert not [name for name in HEAVY if f" {name}\n" in done.stderr]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_is_true(name: str) -> None:
    """Each entry names a command that exists, in the words that the command uses of itself."""
    entry = COMMANDS[name]

    assert entry.load().get_short_help_str(limit=100) == entry.summary
