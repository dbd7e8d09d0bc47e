"""What keeps a run from beginning: one sentence, an exit code that says of what kind, no task."""

import asyncio
from pathlib import Path

import pytest

from broker.cli.main import main
from tests.fakes.run_command import NEED
from tests.fakes.run_stage import stage

OPEN = "POST /v1/tasks"


async def test_what_cannot_begin_starts_nothing(tmp_path: Path) -> None:
    """No evidence, evidence that has expired, no broker."""
    with stage(tmp_path) as before:
        before.broker.forget(OPEN)
        before.broker.problem(OPEN, 401, "unauthenticated", detail="it has expired")
        begun = {
            "No workload token can be read from": before.run("touch a", "--token-file", "/none"),
            "401 unauthenticated: it has expired": before.run("touch a"),
            "No broker answers at": before.run("touch a", "--broker", "http://127.0.0.1:9"),
        }
        ended = await asyncio.gather(*(run.ended() for run in begun.values()))

    assert [code for code, _, _ in ended] == [77, 77, 75]
    for said, run, (_, _, err) in zip(begun, before.started, ended, strict=True):
        assert said in err
        assert "Traceback" not in err
        assert list(run.folder.iterdir()) == []
    assert len(before.broker.requests(OPEN)) == 1
    assert before.left() == []


@pytest.mark.parametrize(
    ("command", "told"),
    [("no-such-command", (127, "is not found")), ("./text", (126, "cannot be executed"))],
)
def test_what_is_no_command_opens_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    told: tuple[int, str],
) -> None:
    """It is looked at before the broker is asked for anything: there is none here."""
    (tmp_path / "text").write_text("no program")
    monkeypatch.chdir(tmp_path)
    desk = ("--broker", "http://127.0.0.1:9", "--token-file", "/none")
    whose = ("--agent", "invoice-bot", "--tenant", "acme")

    assert main(["run", *desk, *whose, "--task", "n", *NEED, "--", command]) == told[0]
    assert f"{command} {told[1]}: nothing was opened" in capsys.readouterr().err
