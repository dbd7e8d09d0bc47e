import io
import json
from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
from tests.fakes import token_mint as mint
from tests.fakes.command import OPEN
from tests.fakes.scripted_broker import ScriptedBroker

GOLDEN = Path(__file__).parent / "golden"
TASK = f"/v1/tasks/{answers.TASK}"
AGENT = "GET /v1/agents/invoice-bot"
ORDER = f"/v1/revocations/{answers.REVOCATION}"
STANDS = answers.revocation(acknowledged=True, pending_buckets=[])


def test_opening_sends_what_was_said_and_nothing_else(broker: ScriptedBroker) -> None:
    """What the command line leaves out is left to the broker's own defaults."""
    broker.answers["POST /v1/tasks"] = (201, answers.task())

    code = main([*OPEN, "--idle", "30s", "--ticket", "OPS-1", "--idempotency-key", "k1"])

    assert code == exits.OK
    [asked] = broker.asked
    assert asked.body == {
        "name": "reconcile-invoices",
        "agent": "invoice-bot",
        "tenant": "acme",
        "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
        "ttl_seconds": 600,
        "idle_timeout_seconds": 30,
        "tickets": ["OPS-1"],
    }
    assert asked.headers["Idempotency-Key"] == "k1"
    assert asked.headers["Authorization"] == "Bearer workload.token.of-alice"


GOLDEN_CASES = {
    "task-open": (
        OPEN,
        {"POST /v1/tasks": (201, answers.task(instance="") | {"claim_handle": "h4"})},
    ),
    "task-show": (["task", "show", answers.TASK], {f"GET {TASK}": (200, answers.task())}),
    "task-list": (
        ["task", "list", "--tenant", "acme"],
        {
            "GET /v1/tasks?tenant=acme": (
                200,
                {
                    "tasks": [answers.task(), answers.task(name="x\x1b[2Jy", state="failed")],
                    "next": None,
                },
            )
        },
    ),
    "task-list-empty": (["task", "list"], {"GET /v1/tasks": (200, {"tasks": [], "next": None})}),
    "task-complete": (
        ["task", "complete", answers.TASK],
        {f"POST {TASK}/complete": (200, answers.report())},
    ),
    "task-report-empty": (
        ["task", "report", answers.TASK],
        {f"GET {TASK}/report": (200, answers.report(receipts=[]))},
    ),
    "task-report-alive": (
        ["task", "report", answers.TASK],
        {f"GET {TASK}/report": (200, answers.report(receipts=[], task=answers.task()))},
    ),
    "credential-list": (
        ["credential", "list", answers.TASK],
        {f"GET {TASK}/credentials": (200, {"credentials": [answers.credential()], "next": None})},
    ),
    "revoke-agent": (
        ["revoke", "--agent", "invoice-bot", "--reason", "leaked in a log"],
        {
            "POST /v1/revocations": (200, STANDS),
            f"GET {ORDER}/report": (200, answers.report(revocation=STANDS)),
        },
    ),
    "revocation-list": (
        ["revocation", "list", "--by", "operator:alice", "--pending"],
        {
            "GET /v1/revocations?ordered_by=operator:alice&acknowledged=false": (
                200,
                {
                    "revocations": [
                        answers.revocation(progress=None),
                        answers.revocation(
                            selector={"set": "ab" * 32},
                            reason="x\x1b[2Jy",
                            progress={"ended": 20, "total": 300},
                        ),
                    ],
                    "next": "/v1/revocations?acknowledged=false&cursor=YWJj&limit=100",
                },
            )
        },
    ),
    "revocation-list-empty": (
        ["revocation", "list", "--of", "agent", "--since", "2027-01-15T08:00:00Z"],
        {
            "GET /v1/revocations?of=agent&ordered_after=2027-01-15T08:00:00Z": (
                200,
                {"revocations": [], "next": None},
            )
        },
    ),
    "revocation-show": (
        ["revocation", "show", answers.REVOCATION],
        {f"GET {ORDER}": (200, answers.revocation())},
    ),
    "explain": (
        ["explain", answers.DECISION],
        {f"GET /v1/decisions/{answers.DECISION}": (200, answers.decision())},
    ),
    "explain-credential": (
        ["explain", answers.LEASE],
        {f"GET /v1/credentials/{answers.LEASE}/explanation": (200, answers.granted())},
    ),
    "agent-list": (
        ["agent", "list", "--status", "active"],
        {
            "GET /v1/agents?status=active": (
                200,
                {
                    "agents": [
                        answers.agent(hold=answers.HOLD),
                        answers.agent(
                            owner="x\x1b[2Jy", review_by="2026-01-31", review_overdue=True
                        ),
                    ],
                    "next": "/v1/agents?status=active&cursor=YWJj&limit=100",
                },
            )
        },
    ),
    "agent-list-empty": (
        ["agent", "list", "--name", "no-*"],
        {"GET /v1/agents?name=no-*": (200, {"agents": [], "next": None})},
    ),
    "agent-show": (
        ["agent", "show", "invoice-bot"],
        {AGENT: (200, answers.agent_view(cuts=[answers.cut()]))},
    ),
    "agent-show-idle": (
        ["agent", "show", "invoice-bot"],
        {
            AGENT: (
                200,
                answers.agent_view(
                    status="suspended",
                    hold=answers.HOLD,
                    tasks=answers.NO_TASKS,
                    credentials=answers.NO_CREDENTIALS,
                ),
            )
        },
    ),
}


@pytest.mark.parametrize("name", GOLDEN_CASES)
def test_answers_look_as_they_should(
    name: str, broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """What people see of each answer is fixed, to the letter."""
    arguments, answers = GOLDEN_CASES[name]
    broker.answers.update(answers)

    assert main(arguments) == exits.OK

    assert capsys.readouterr().out == (GOLDEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", GOLDEN_CASES)
def test_json_is_the_api_s_own_answer(
    name: str, broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """--json prints what the broker said, member by member."""
    arguments, answers = GOLDEN_CASES[name]
    broker.answers.update(answers)

    assert main([*arguments, "--json"]) == exits.OK

    printed = json.loads(capsys.readouterr().out)
    said = next(iter(answers.values()))[1]
    assert (printed.get("revocation") or printed).items() >= said.items()


def test_a_report_is_followed_to_its_end(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report of many pages comes as one, and its counts are those of all pages."""
    second = f"{mint.LEASE[:-1]}z"
    broker.answers[f"GET {TASK}/report"] = (
        200,
        answers.report(following=f"{TASK}/report?cursor=p2"),
    )
    broker.answers[f"GET {TASK}/report?cursor=p2"] = (
        200,
        answers.report(receipts=[answers.receipt(credential=second, state="pending")]),
    )

    assert main(["task", "report", answers.TASK, "--json"]) == exits.OK

    printed = json.loads(capsys.readouterr().out)
    assert [each["credential"] for each in printed["receipts"]] == [mint.LEASE, second]
    assert printed["counts"] == {"confirmed": 1, "pending": 1}
    assert printed["next"] is None


@pytest.mark.parametrize("verb", ["complete", "fail", "cancel", "freeze"])
def test_ends_carry_their_reason(verb: str, broker: ScriptedBroker) -> None:
    """Each end is its own call, with the reason for the audit trail."""
    broker.answers[f"POST {TASK}/{verb}"] = (200, answers.report(receipts=[]))

    assert main(["task", verb, answers.TASK, "--reason", "as planned"]) == exits.OK

    assert broker.asked[0].body == {"reason": "as planned"}


def test_a_task_is_thawed_with_a_reason(broker: ScriptedBroker) -> None:
    """Who releases what was stopped says why; without a word nothing is sent."""
    broker.answers[f"POST {TASK}/thaw"] = (200, answers.task())

    assert main(["task", "thaw", answers.TASK]) == exits.USAGE
    assert main(["task", "thaw", answers.TASK, "--reason", "looked into"]) == exits.OK

    assert [each.body for each in broker.asked] == [{"reason": "looked into"}]


def test_everything_can_be_revoked_by_a_script(broker: ScriptedBroker) -> None:
    """--all with --yes asks nobody."""
    broker.answers["POST /v1/revocations"] = (
        200,
        answers.revocation(acknowledged=True, pending_buckets=[]),
    )
    broker.answers[f"GET {ORDER}/report"] = (200, answers.report(receipts=[], revocation=STANDS))

    code = main(["revoke", "--all", "--yes", "--in-tenant", "acme", "--reason", "breach"])

    assert code == exits.OK
    assert broker.asked[0].body == {"all": True, "reason": "breach", "in_tenant": "acme"}


def test_an_order_that_does_not_stand_yet_is_not_a_success(broker: ScriptedBroker) -> None:
    """While a part of the ledger has not taken the order, the exit code says so."""
    broker.answers["POST /v1/revocations"] = (202, answers.revocation())
    broker.answers[f"GET {ORDER}/report"] = (200, answers.report(receipts=[], revocation=STANDS))

    assert main(["revoke", "--agent", "a", "--reason", "x"]) == exits.UNAVAILABLE


ISSUE = ["credential", "issue", answers.TASK, "orders-api", "--scope", "orders:read", "--ttl", "2m"]


def test_a_credential_is_asked_for_as_it_was_said(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a file for it, the secret is a part of the answer: it was for whoever asked."""
    broker.answers[f"POST {TASK}/credentials"] = (201, answers.issued())

    assert main([*ISSUE, "--json"]) == exits.OK

    [asked] = broker.asked
    assert asked.body == {
        "capability": "orders-api",
        "scopes": ["orders:read"],
        "ttl_seconds": 120,
    }
    assert json.loads(capsys.readouterr().out)["access_token"] == "canary-token"


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_credential_with_a_file_for_it_is_printed_nowhere(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path, flags: list[str]
) -> None:
    """The file is its owner's alone, also when it was there and open to others."""
    broker.answers[f"POST {TASK}/credentials"] = (201, answers.issued())
    file = tmp_path / "order.token"
    file.write_text("older and longer than the new one")
    file.chmod(0o644)

    assert main([*ISSUE, "--out", str(file), *flags]) == exits.OK

    told = capsys.readouterr()
    assert file.read_text() == "canary-token"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "canary-token" not in told.out + told.err
    assert "orders-api" in told.out


def test_a_credential_that_cannot_be_written_is_a_sentence(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Which names the file; nothing is issued that could not be kept."""
    broker.answers[f"POST {TASK}/credentials"] = (201, answers.issued())

    assert main([*ISSUE, "--out", str(tmp_path / "gone" / "token")]) == exits.REFUSED

    told = capsys.readouterr()
    assert "cannot be written" in told.err
    assert broker.asked == []


CLAIM = ["task", "claim", answers.TASK, "--handle-file"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_task_is_claimed_by_the_handle_in_a_file(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path, end: str
) -> None:
    """Which stands on no command line, and is printed nowhere."""
    broker.answers[f"POST {TASK}/claim"] = (200, answers.task())
    file = tmp_path / "handle"
    file.write_bytes(f"canary-handle{end}".encode())

    assert main([*CLAIM, str(file)]) == exits.OK

    told = capsys.readouterr()
    assert broker.asked[0].body == {"handle": "canary-handle"}
    assert "canary" not in told.out + told.err
    assert "reconcile-invoices" in told.out


def test_a_handle_may_come_through_a_pipe(
    broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As - for the file."""
    broker.answers[f"POST {TASK}/claim"] = (200, answers.task())
    with io.TextIOWrapper(io.BytesIO(b"canary-handle\n"), encoding="ascii") as given:
        monkeypatch.setattr("sys.stdin", given)

        assert main([*CLAIM, "-"]) == exits.OK

    assert broker.asked[0].body == {"handle": "canary-handle"}


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"canary\nsecond", b"canary\xff", b"canary" * 50, b"canary\x1b[2J"]
)
def test_a_file_that_holds_no_handle_is_named(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes
) -> None:
    """Without what is in it; nothing is sent."""
    file = tmp_path / "handle"
    file.write_bytes(content)

    assert main([*CLAIM, str(file)]) == exits.REFUSED

    told = capsys.readouterr()
    assert str(file) in told.err
    assert "canary" not in told.err
    assert broker.asked == []


def test_a_file_that_is_not_there_is_named(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Before anybody is asked."""
    assert main([*CLAIM, str(tmp_path / "nowhere")]) == exits.USAGE

    assert "nowhere" in capsys.readouterr().err
    assert broker.asked == []


def test_an_agent_that_is_none_of_ones_own_is_absent(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence and an exit code, whether there is one elsewhere or not."""
    broker.answers["GET /v1/agents/stock-bot"] = (404, answers.problem(404, "not-found"))

    assert main(["agent", "show", "stock-bot"]) == exits.REFUSED

    assert "not found" in capsys.readouterr().err
