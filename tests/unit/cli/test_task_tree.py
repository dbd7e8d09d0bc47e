"""`broker task tree`: what it prints, and how long it watches."""

import json
from typing import Any

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
from tests.fakes.scripted_broker import ScriptedBroker

CHILD = f"c_03_{'b' * 26}"
TREE = f"GET /v1/tasks/{answers.TASK}/tree"


def branch(level: int = 0, **changes: Any) -> dict[str, object]:
    """A task of a tree."""
    counts = {"children": 0, "open_children": 0, "live_credentials": 0, "ending_credentials": 0}
    return answers.task(**{"level": level, **counts, **changes})


def page(*branches: object, following: str | None = None) -> tuple[int, Any]:
    """One page of a tree."""
    return 200, {"tasks": list(branches), "next": following}


def test_a_tree_shows_who_works_for_whom(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Children stand below their parents, with state, agent, credentials and how to stop one."""
    broker.answers[TREE] = page(
        branch(children=2, live_credentials=1),
        branch(1, id=CHILD, name="left", agent="helper-bot", instance="", live_credentials=2),
        branch(2, name="leaf", alive=False, ending_credentials=3),
        branch(1, name="right", state="cancelled", alive=False, ended_by="idle"),
    )

    assert main(["task", "tree", answers.TASK]) == exits.OK

    told = capsys.readouterr().out
    lines = [line for line in told.splitlines() if line and not line.startswith((" ", "│"))]
    assert lines[0] == "reconcile-invoices  open  invoice-bot (pod-1)  1 live"
    assert "├── left  open  helper-bot (not claimed yet)  2 live" in told
    assert "│   └── leaf  dead: ended above  invoice-bot (pod-1)  3 being taken down" in told
    assert "└── right  cancelled: idle  invoice-bot (pod-1)" in told
    assert "4 tasks · 2 alive · 3 live credentials" in told
    assert "broker task cancel TASK" in told


def test_what_is_frozen_says_by_whom(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it was frozen itself; below that, that it was above."""
    frozen = {"frozen": True, "state": "frozen", "frozen_by": "operator:alice"}
    broker.answers[TREE] = page(branch(**frozen), branch(1, name="part", frozen=True))

    assert main(["task", "tree", answers.TASK]) == exits.OK

    told = capsys.readouterr().out
    assert "frozen: operator:alice" in told
    assert "part  frozen: above" in told


def test_a_task_without_children_says_so(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty tree is told in words."""
    broker.answers[TREE] = page(branch())

    assert main(["task", "tree", answers.TASK]) == exits.OK

    assert "this task has no child tasks" in capsys.readouterr().out


def test_a_large_tree_is_cut_and_says_so(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pages are followed up to the limit, and no further."""
    following = f"/v1/tasks/{answers.TASK}/tree?cursor=p2"
    broker.answers[TREE] = page(branch(), following=following)
    broker.answers[f"GET {following}"] = page(*(branch(1) for _ in range(5)))

    assert main(["task", "tree", answers.TASK, "--limit", "3", "--json"]) == exits.OK

    printed = json.loads(capsys.readouterr().out)
    assert ([each["level"] for each in printed["tasks"]], printed["more"]) == ([0, 1, 1], True)


def test_what_agents_have_written_does_not_move_the_cursor(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hostile names are shown, not obeyed."""
    broker.answers[TREE] = page(
        branch(name="x\x1b[2Jy", closed_by="\u202e", ended_by="\x1b]0;z\x07")
    )

    assert main(["task", "tree", answers.TASK]) == exits.OK

    assert not set("\x1b\x07\u202e") & set(capsys.readouterr().out)


def test_watching_ends_when_nothing_is_left_to_end(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tree that is dead and taken down changes no more: it is printed once."""
    broker.answers[TREE] = page(branch(state="completed", alive=False, ended_by="done"))

    code = main(["task", "tree", answers.TASK, "--watch", "--interval", "0.1", "--json"])

    assert code == exits.OK
    assert len(broker.asked) == 1
    assert json.loads(capsys.readouterr().out)["tasks"][0]["state"] == "completed"


def test_watching_shows_each_change_once(
    broker: ScriptedBroker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same again is not printed again."""
    scripted = iter(
        [
            page(branch()),
            page(branch()),
            page(branch(state="completed", alive=False, ending_credentials=1)),
            page(branch(state="completed", alive=False)),
        ]
    )
    monkeypatch.setattr(broker, "answer", lambda _: next(scripted))

    assert main(["task", "tree", answers.TASK, "--watch", "--interval", "0.1"]) == exits.OK

    assert capsys.readouterr().out.count("reconcile-invoices") == 3
