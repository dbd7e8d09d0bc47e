"""Command lines of `broker run` that cannot be meant: told before anything is opened or forked."""

from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.main import main

DESK = ("--broker", "http://127.0.0.1:9", "--token-file", "/none")
WHOSE = ("--agent", "invoice-bot", "--tenant", "acme")
NEW = (*WHOSE, "--task", "n", "--need", "orders-api")
OPEN = ("--task-id", "t_03_aaaaaaaaaaaaaaaaaaaaaaaaaa")
ROUTE = '[{"need": "orders-api", "host": "a.test", "methods": ["GET"], "paths": ["/**"]}]'
FILES = {
    "good.json": ROUTE,
    "stray.json": ROUTE.replace("orders-api", "other"),
    "bad.json": ROUTE.replace("a.test", "10.0.0.1"),
    "broken.json": "[",
    "no-command.yaml": "task: n\n",
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay files ready, in a folder where the command is run."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in ("BROKER_AGENT", "BROKER_TENANT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ((*NEW, "--only-declared"), "--proxy"),
        ((*NEW, "--proxy", "stray.json"), "other-0"),
        ((*NEW, "--proxy", "bad.json"), "routes[0].host"),
        ((*NEW, "--proxy", "broken.json"), "not JSON"),
        ((*OPEN, "--need", "orders-api", "--may-ask", "--proxy", "good.json"), "'--may-ask'"),
        ((*NEW, "--may-ask"), "'--may-ask' is for '--task-id'"),
        ((*NEW, *OPEN), "Say which task"),
        ((*WHOSE, "--need", "orders-api"), "Say which task"),
        ((*WHOSE, "--task", "n"), "Missing option '--need'"),
        (("--task", "n", "--need", "a"), "Missing option '--agent', or BROKER_AGENT"),
        ((*NEW, "--handle-file", "good.json"), "'--handle-file' is for '--task-id'"),
        ((*OPEN, "--ttl", "1h"), "'--ttl' is for '--task'"),
        ((*OPEN, "--idle", "1m"), "'--idle' is for '--task'"),
        ((*OPEN, "--ticket", "T-1"), "'--ticket' is for '--task'"),
        ((*OPEN, "--on-behalf-of", "user:bob"), "'--on-behalf-of' is for '--task'"),
        ((*NEW, "--as", "nothing"), "is no shape"),
        ((*NEW, "--credential-ttl", "soon"), "is no duration"),
    ],
)
def test_options_that_do_not_go_together_open_nothing(
    line: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text names the option or the member, and the fix; no broker is asked: there is none."""
    assert main(["run", *DESK, *line, "--", "true"]) == exits.USAGE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("line", [NEW, ("--file", "no-command.yaml", *WHOSE, "--need", "a")])
def test_without_a_command_there_is_nothing_to_run(
    line: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither on the command line nor in a file."""
    assert main(["run", *DESK, *line]) == exits.USAGE
    assert "what is to be run?" in capsys.readouterr().err


def test_a_run_file_with_a_fault_opens_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By another exit code: the configuration is wrong."""
    (tmp_path / "run.yaml").write_text("task: n\nbroker: https://evil.example\n")

    assert main(["run", *DESK, *WHOSE, "--file", "run.yaml", "--", "true"]) == exits.CONFIGURATION
    assert "run.yaml:2: broker: no such setting" in capsys.readouterr().err
