import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
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
