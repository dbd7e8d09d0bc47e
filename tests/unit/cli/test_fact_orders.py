"""Changing facts from the command line: what is sent, and what is said of the answer."""

import json
from typing import Any, Final

import click
import pytest

from broker.cli import exits
from broker.cli.fact_words import complete_ref
from broker.cli.main import ROOT, main
from tests.fakes import answers, fact_answers
from tests.fakes.fact_answers import DIGEST
from tests.fakes.scripted_broker import ScriptedBroker

CHANGES: Final = "POST /v1/facts/changes"
TICKET: Final = "GET /v1/facts/things/ticket/acme/OPS-1"
WHY: Final = ("--tenant", "acme", "--reason", "INC-7")


def sent(broker: ScriptedBroker) -> list[Any]:
    """Return the bodies that changed something."""
    return [asked.body for asked in broker.asked if asked.method == "POST"]


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (
            ["hold", "agent:a", "agent:a", "ticket:T-1"],
            [
                {"op": "hold", "tenant": "acme", "ref": "agent:a"},
                {"op": "hold", "tenant": "acme", "ref": "ticket:T-1"},
            ],
        ),
        (["lift", "agent:a"], [{"op": "lift", "tenant": "acme", "ref": "agent:a"}]),
        (
            ["drop", "ticket:T-1", "--cascade"],
            [{"op": "drop", "tenant": "acme", "ref": "ticket:T-1", "cascade": True}],
        ),
        (
            ["relate", "agent:a", "assigned-to", "ticket:T-1", "--until", "2027-01-15T08:00:00Z"],
            [
                {
                    "op": "relate",
                    "tenant": "acme",
                    "relationship": {
                        "subject": "agent:a",
                        "relation": "assigned-to",
                        "object": "ticket:T-1",
                        "expires_at": "2027-01-15T08:00:00Z",
                    },
                }
            ],
        ),
        (
            ["unrelate", "agent:a", "runs", "workflow:w"],
            [
                {
                    "op": "unrelate",
                    "tenant": "acme",
                    "relationship": {
                        "subject": "agent:a",
                        "relation": "runs",
                        "object": "workflow:w",
                    },
                }
            ],
        ),
    ],
)
def test_each_command_sends_its_change(
    broker: ScriptedBroker, line: list[str], change: list[dict[str, Any]]
) -> None:
    """With why, and under a key of its own."""
    broker.answers[CHANGES] = (200, fact_answers.changed())

    assert main(["facts", *line, *WHY]) == exits.OK

    assert sent(broker) == [{"changes": change, "reason": "INC-7"}]
    assert broker.asked[-1].headers["Idempotency-Key"]


def test_what_is_not_given_stays_as_it_is(broker: ScriptedBroker) -> None:
    """A ticket is closed by one word; what was said of it is said again, over what was read."""
    broker.answers[TICKET] = (200, fact_answers.view())
    broker.answers[CHANGES] = (200, fact_answers.changed())

    assert main(["facts", "put", "ticket:OPS-1", "--status", "closed", *WHY]) == exits.OK

    said = {"ref": "ticket:OPS-1", "status": "closed", "owner": "person:ann", "purpose": "a leak"}
    change = {"op": "put", "tenant": "acme", "thing": said}
    assert sent(broker) == [{"changes": [change], "reason": "INC-7", "base": 7}]


def test_a_new_thing_begins_as_one_that_stands(broker: ScriptedBroker) -> None:
    """Unless the command says otherwise."""
    broker.answers[CHANGES] = (200, fact_answers.changed())
    identity = ["--identity", "https://i.example bot-*"]

    assert main(["facts", "put", "agent:bot", "--owner", "person:ann", *identity, *WHY]) == 0
    assert main(["facts", "put", "team:ops", *WHY]) == 0

    assert [body["changes"][0]["thing"] for body in sent(broker)] == [
        {
            "ref": "agent:bot",
            "status": "active",
            "owner": "person:ann",
            "identities": [{"issuer": "https://i.example", "subject": "bot-*"}],
        },
        {"ref": "team:ops"},
    ]


def test_an_agent_is_suspended_wherever_it_is(broker: ScriptedBroker) -> None:
    """Its name is enough."""
    broker.answers["GET /v1/agents/invoice-bot"] = (200, answers.agent_view())
    broker.answers[CHANGES] = (200, fact_answers.changed())

    for word in ("suspend", "resume"):
        assert main(["agent", word, "invoice-bot", "--reason", "INC-7"]) == exits.OK

    assert [body["changes"] for body in sent(broker)] == [
        [{"op": op, "tenant": "acme", "ref": "agent:invoice-bot"}] for op in ("hold", "lift")
    ]


RETIRED: Final = "GET /v1/facts/things/agent/acme/kim-bot"


def kim_bot(broker: ScriptedBroker, **said: object) -> None:
    """Let there be an agent that was put among the facts."""
    known = {"name": "kim-bot", "source": "", **said}
    broker.answers["GET /v1/agents/kim-bot"] = (200, answers.agent_view(**known))
    thing = {"ref": "agent:kim-bot", "kind": "agent", "name": "kim-bot", "status": "active"}
    broker.answers[RETIRED] = (200, fact_answers.view(**thing))


def test_an_agent_is_retired_as_it_is(broker: ScriptedBroker) -> None:
    """What was said of it is said again, over what was read; a dry run says so."""
    kim_bot(broker)
    broker.answers[CHANGES] = (200, fact_answers.changed(deaths=2))

    for more in (["--dry-run"], []):
        assert main(["agent", "retire", "kim-bot", "--reason", "OPS-9", *more]) == exits.OK

    looked, made = sent(broker)
    assert looked == made | {"dry_run": True}
    assert made["base"] == 7
    [change] = made["changes"]
    assert (change["op"], change["thing"]["status"]) == ("put", "retired")
    assert change["thing"]["owner"] == "person:ann"


def test_what_is_declared_in_agents_yaml_is_retired_there(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent, and it is said what to do, and how to stop it at once."""
    broker.answers["GET /v1/agents/invoice-bot"] = (200, answers.agent_view())

    assert main(["agent", "retire", "invoice-bot", "--reason", "OPS-9"]) == exits.REFUSED

    said = capsys.readouterr().err
    assert "write `status: retired` there and run `broker apply`" in said
    assert "broker agent suspend invoice-bot" in said
    assert sent(broker) == []


def test_a_retired_agent_is_not_resumed(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said that this is final; nothing is sent."""
    kim_bot(broker, status="retired")

    assert main(["agent", "resume", "kim-bot", "--reason", "OPS-9", "--json"]) == exits.REFUSED

    assert (
        "is retired, and that is final" in json.loads(capsys.readouterr().err)["error"]["message"]
    )
    assert sent(broker) == []


def test_many_deaths_end_the_command_unless_they_are_accepted(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal nobody is asked: the digest is told, and how to accept it."""
    broker.answers[CHANGES] = (409, fact_answers.many())

    assert main(["facts", "hold", "agent:a", *WHY]) == exits.REFUSED
    assert f"accept {DIGEST}" in capsys.readouterr().err
    assert main(["facts", "hold", "agent:a", *WHY, "--json"]) == exits.REFUSED
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["code"], error["deaths"], error["digest"]) == ("would-kill-many", 40, DIGEST)

    broker.answers[CHANGES] = (200, fact_answers.changed(deaths=40))
    assert main(["facts", "hold", "agent:a", *WHY, "--accept", DIGEST]) == exits.OK
    assert sent(broker)[-1]["accept"] == DIGEST


def test_a_dry_run_shows_who_would_die(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, with why; and how many more."""
    told = fact_answers.changed(dry_run=True, deaths=3, dying=[fact_answers.dying()])
    broker.answers[CHANGES] = (200, told)

    assert main(["facts", "hold", "agent:a", *WHY, "--dry-run"]) == exits.OK

    printed = capsys.readouterr().out
    assert "invoice-bot" in printed
    assert "agent-held" in printed
    assert "and 2 more" in printed
    assert "it would end 3 live credentials" in printed


def test_every_fault_is_told(broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each, by its member."""
    broker.answers[CHANGES] = (400, fact_answers.faulty())

    assert main(["facts", "hold", "ticket:X", "ticket:Y", *WHY]) == exits.REFUSED
    said = capsys.readouterr().err
    assert "changes[0].ref: ticket:X is unknown" in said
    assert "changes[1].ref: ticket:Y is unknown" in said

    assert main(["facts", "hold", "ticket:X", "ticket:Y", *WHY, "--json"]) == exits.REFUSED
    assert len(json.loads(capsys.readouterr().err)["error"]["faults"]) == 2


@pytest.mark.parametrize(
    "line",
    [
        ["hold", "agent:a", "--tenant", "acme"],
        ["hold", "agent:a", "--reason", "x"],
        ["hold", "agent", *WHY],
        ["hold", "nosuch:a", *WHY],
        ["hold", "agent:", *WHY],
        ["hold", *WHY],
        ["relate", "agent:a", "likes", "ticket:T", *WHY],
        ["relate", "agent:a", "runs", "workflow:w", "--for", "8h", "--until", "x", *WHY],
        ["put", "agent:a", "--identity", "alone", *WHY],
        ["reach"],
        ["reach", "--from", "agent:a", "--to", "agent:b"],
        ["history", "7", "--tenant", "acme"],
    ],
)
def test_a_wrong_line_sends_nothing(broker: ScriptedBroker, line: list[str]) -> None:
    """And ends by its own code."""
    assert main(["facts", *line]) == exits.USAGE
    assert broker.asked == []


def test_kinds_and_names_are_completed(broker: ScriptedBroker) -> None:
    """Kinds by themselves, names by the broker; one that refuses completes nothing."""
    listed = {"things": [fact_answers.thing()], "revision": 7, "next": None}
    broker.answers["GET /v1/facts/things?kind=ticket&q=O*&limit=50"] = (200, listed)
    context = click.Context(ROOT)

    def offered(word: str) -> list[str]:
        return [item.value for item in complete_ref(context, ROOT.params[0], word)]

    assert offered("te") == ["team:", "tenant:"]
    assert offered("ticket:O") == ["ticket:OPS-1"]
    assert offered("ticket:X") == []
    assert offered("nosuch:") == []
