import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
from tests.fakes.approval_answers import APPROVAL, approval
from tests.fakes.scripted_broker import ScriptedBroker

SUPPOSED = [
    "explain",
    "--action",
    "RequestCredential",
    "--tenant",
    "acme",
    "--agent",
    "invoice-bot",
]


def supposition() -> dict[str, object]:
    """Return what a broker answers to a supposed request."""
    decision = answers.decision()
    names = ("explained_at_revision", "explanation", "counterfactuals")
    return {name: decision[name] for name in names}


def test_a_supposed_request_is_sent_as_it_was_written(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """And answered with what would turn it."""
    broker.answers["POST /v1/explain"] = (200, supposition())
    more = [
        "--capability",
        "orders-api",
        "--scope",
        "orders:read",
        "--ttl",
        "2m",
        "--ticket",
        "T-1",
    ]

    assert main([*SUPPOSED, *more]) == exits.OK

    out = capsys.readouterr().out
    assert "granted if agent:invoice-bot assigned-to ticket:T-1; and ticket:T-1" in out
    assert "1000 sets were tried" in out
    assert broker.asked[-1].body == {
        "action": "RequestCredential",
        "tenant": "acme",
        "agent": "invoice-bot",
        "capability": "orders-api",
        "scopes": ["orders:read"],
        "ttl_seconds": 120,
        "tickets": ["T-1"],
    }


@pytest.mark.parametrize(
    "line", [["explain"], ["explain", answers.DECISION, *SUPPOSED[1:]], SUPPOSED[:-2]]
)
def test_either_a_decision_or_a_whole_supposition_is_named(
    line: list[str], broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent before that is clear."""
    assert main(line) == exits.USAGE

    assert capsys.readouterr().err
    assert not broker.asked


@pytest.mark.parametrize(
    ("subject", "path"),
    [
        (answers.TASK, f"GET /v1/approvals?task={answers.TASK}"),
        ("agent:invoice-bot", "GET /v1/approvals?agent=invoice-bot"),
    ],
    ids=["task", "agent"],
)
def test_what_waits_of_a_task_or_an_agent_is_told(
    subject: str, path: str, broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who may answer, who has, until when, and the digest of what they are asked."""
    broker.answers[path] = (200, {"approvals": [approval()], "next": None})

    assert main(["explain", subject]) == exits.OK

    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[-4:] == ["who", "expires", "at", "digest"]
    for word in (
        APPROVAL,
        "2 of oncall",
        "dana, erin",
        "2027-01-15T09:00:00.000Z",
    ):
        assert word in row
    assert approval()["digest"] in row


def test_where_nothing_waits_it_is_said(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of a task that does not exist, or is another tenant's."""
    path = f"GET /v1/approvals?task={answers.TASK}"
    broker.answers[path] = (200, {"approvals": [], "next": None})

    assert main(["explain", answers.TASK]) == exits.OK

    assert capsys.readouterr().out == "Nothing waits for people here.\n"


def test_one_approval_is_told_with_who_may_answer(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """And an operator is not told how to answer."""
    broker.answers[f"GET /v1/approvals/{APPROVAL}"] = (
        200,
        approval(),
    )

    assert main(["explain", APPROVAL]) == exits.OK

    out = capsys.readouterr().out
    assert "who         dana, erin" in out
    assert "broker approval approve" not in out
