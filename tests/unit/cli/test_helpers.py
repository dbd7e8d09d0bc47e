"""What tools get from `broker credential-helper`, and what they are told when they get nothing."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from broker.cli import exits
from broker.cli.main import main
from broker.shapes.docker import NOT_FOUND
from tests.fakes import answers
from tests.fakes import token_mint as mint
from tests.fakes.desk import FakeDesk
from tests.fakes.scripted_broker import ScriptedBroker
from tests.unit.cli.test_delivery import issued

HELPER = "credential-helper"
KEYS = {"access_key_id": "ASIACANARY", "secret_access_key": "canary/s", "session_token": "canary=t"}
ISSUE = f"POST /v1/tasks/{answers.TASK}/credentials"
GIT = b"protocol=https\nhost=git.example\n\n"
TOOLS: dict[str, tuple[list[str], bytes]] = {
    "aws": (["aws"], b""),
    "git": (["git", "get", "--host", "git.example"], GIT),
    "docker": (["docker", "get", "--registry", "registry.example"], b"registry.example"),
    "kubernetes": (["kubernetes"], b""),
}
"""A command line for each tool, and what the tool says to it."""

Say = Callable[[bytes], None]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDesk]:
    """A run's desk, which the environment names."""
    monkeypatch.delenv("KUBERNETES_EXEC_INFO", raising=False)
    with FakeDesk() as desk:
        for name, value in desk.environment.items():
            monkeypatch.setenv(name, value)
        yield desk


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Put something on standard input."""

    def put(said: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(said)))

    return put


def in_run(tool: str, say: Say, need: str = "orders") -> int:
    """Start a helper as its tool does, within a run."""
    line, said = TOOLS[tool]
    say(said)
    return main([HELPER, *line, "--need", need])


def lay(desk: FakeDesk, tool: str, lives_s: float = 300) -> None:
    """Lay ready what a tool can take."""
    if tool == "aws":
        desk.gives("orders", "aws_sts", lives_s, **KEYS)
    else:
        desk.gives("orders", lives_s=lives_s)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_run_gives_a_tool_its_credential(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    """On standard output, and not a word elsewhere."""
    lay(desk, tool)

    assert in_run(tool, say) == exits.OK

    told = capsys.readouterr()
    assert "canary" in told.out
    assert told.err == ""
    assert desk.asked == ["/v1/credentials/orders"]


@pytest.mark.parametrize("tool", TOOLS)
def test_what_has_expired_is_not_given(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    """Whatever the desk says of it."""
    lay(desk, tool, lives_s=0)

    assert in_run(tool, say) == exits.REFUSED

    told = capsys.readouterr()
    assert "canary" not in told.out + told.err
    assert "expired" in told.out + told.err


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("status", "detail", "code"),
    [
        (404, "the run has no need orders", exits.REFUSED),
        (410, "the task has ended", exits.REFUSED),
        (401, "that is not this run's token", exits.REFUSED),
        (503, "the broker gives no access now", exits.UNAVAILABLE),
        (429, "too many", exits.UNAVAILABLE),
        (200, "", exits.UNAVAILABLE),
    ],
)
def test_a_refusal_is_one_line_and_an_exit_code(  # noqa: PLR0917 - what is parametrized
    desk: FakeDesk,
    say: Say,
    capsys: pytest.CaptureFixture[str],
    tool: str,
    status: int,
    detail: str,
    code: int,
) -> None:
    """Where the tool reads it; standard output has at most what the tool's contract says."""
    desk.answers["orders"] = (status, {"detail": detail, "values": {"access_token": "canary"}})

    assert in_run(tool, say) == code

    told = capsys.readouterr()
    line, rest = (told.out, told.err) if tool == "docker" else (told.err, told.out)
    assert line.count("\n") == 1
    assert detail in line
    assert rest == ("quit=1\n" if tool == "git" else "")
    assert "canary" not in line


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool != "aws"])
def test_what_is_no_token_is_refused_without_a_word_of_it(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    """The names of its words are told."""
    desk.gives("orders", "toy", one="canary", two="canary")

    assert in_run(tool, say) == exits.REFUSED

    told = capsys.readouterr()
    assert "one, two" in told.out + told.err
    assert "canary" not in told.out + told.err


def test_awss_tools_take_no_other_kind(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one with words that look like it."""
    desk.gives("orders", "toy", **KEYS)

    assert in_run("aws", say) == exits.REFUSED

    assert "toy is not what AWS's tools take" in capsys.readouterr().err


@pytest.mark.parametrize("operation", ["store", "erase", "capability", "something-new"])
def test_git_stores_and_erases_nothing(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str], operation: str
) -> None:
    """And any other operation is passed over in silence, as git's contract demands."""
    say(GIT + b"username=u\npassword=canary\n")

    assert main([HELPER, "git", operation, "--host", "git.example", "--need", "orders"]) == exits.OK

    told = capsys.readouterr()
    assert told.out + told.err == ""
    assert desk.asked == []


def test_git_hears_nothing_about_servers_that_are_not_declared(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that it asks the next helper; the desk is not asked."""
    desk.gives("orders")
    say(b"protocol=https\nhost=evil.example\n\n")

    assert main([HELPER, "git", "get", "--host", "git.example", "--need", "orders"]) == exits.OK

    assert capsys.readouterr().out == ""
    assert desk.asked == []


@pytest.mark.parametrize(
    "said", [b"protocol=http\nhost=git.example\n", b"host=a\0b\n", b"x" * 99999]
)
def test_git_is_told_to_stop_where_its_question_is_hostile(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str], said: bytes
) -> None:
    """Clear text, a NUL, too much: before the desk is asked."""
    desk.gives("orders")
    say(said)

    assert main([HELPER, "git", "get", "--host", "git.example", "--need", "orders"]) == 1

    told = capsys.readouterr()
    assert told.out == "quit=1\n"
    assert told.err.count("\n") == 1
    assert desk.asked == []


def test_docker_knows_that_it_has_no_login(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the one text that it looks for: then it goes on without."""
    say(b"other.example\n")

    assert main([HELPER, "docker", "get", "--registry", "r.example=orders"]) == exits.REFUSED

    assert capsys.readouterr().out == NOT_FOUND + "\n"
    assert desk.asked == []


def test_docker_stores_and_erases_nothing(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    """A login that it cannot keep is an error; forgetting what is not kept is none."""
    say(b'{"ServerURL": "r.example", "Username": "u", "Secret": "canary"}')
    assert main([HELPER, "docker", "store"]) == exits.REFUSED
    said = capsys.readouterr().out
    assert "stores nothing" in said
    assert "canary" not in said

    say(b"r.example")
    assert main([HELPER, "docker", "erase"]) == exits.OK
    assert capsys.readouterr().out == ""
    assert desk.asked == []


def test_docker_lists_what_is_declared(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of the environment too, where it gives no options; nothing is issued for a list."""
    monkeypatch.setenv("BROKER_DOCKER_REGISTRIES", "r.example=orders b.example:5000=other")

    assert main([HELPER, "docker", "list"]) == exits.OK
    listed = json.loads(capsys.readouterr().out)
    desk.gives("other", password="canary", username="alice")
    say(b"https://b.example:5000/v2/\n")
    assert main([HELPER, "docker", "get"]) == exits.OK

    assert listed == {"b.example:5000": "x-access-token", "r.example": "x-access-token"}
    assert json.loads(capsys.readouterr().out)["Username"] == "alice"
    assert desk.asked == ["/v1/credentials/other"]


def test_docker_sends_no_login_in_clear_text(
    desk: FakeDesk, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it says itself that there is no TLS."""
    say(b"http://r.example:80")

    line = [HELPER, "docker", "get", "--registry", "r.example:80", "--registry", "r.example"]
    assert main([*line, "--need", "orders"]) == exits.REFUSED

    assert "clear text" in capsys.readouterr().out
    assert desk.asked == []


def test_kubectl_is_served_for_the_declared_cluster_alone(
    desk: FakeDesk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kubeconfig that points elsewhere gets no token of it."""
    desk.gives("orders")
    spec = {"interactive": False, "cluster": {"server": "https://evil.example"}}
    asked = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1"}
    monkeypatch.setenv("KUBERNETES_EXEC_INFO", json.dumps({**asked, "spec": spec}))
    line = [HELPER, "kubernetes", "--need", "orders", "--server"]

    assert main([*line, "https://k.example"]) == exits.REFUSED
    assert "evil.example" in capsys.readouterr().err
    assert desk.asked == []
    assert main([*line, "https://evil.example"]) == exits.OK


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--need", "orders", "--capability", "orders-api"],
        ["--capability", "orders-api"],
        ["--capability", "orders-api", "--scope", "orders:read"],
        ["--capability", "orders-api", "--scope", "orders:read", "--task", answers.TASK],
    ],
)
def test_a_wish_that_is_none_is_a_usage_error(
    desk: FakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
) -> None:
    """Before anybody is asked."""
    for name in ("BROKER_URL", "BROKER_TASK_ID", "BROKER_TOKEN_FILE", "BROKER_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)

    assert main([HELPER, "aws", *options]) == exits.USAGE

    assert capsys.readouterr().out == ""
    assert desk.asked == []


@pytest.mark.parametrize("tool", TOOLS)
def test_without_a_run_the_broker_is_asked(
    broker: ScriptedBroker,
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tool: str,
) -> None:
    """Within the task that the environment names, once each time, and nothing is kept."""
    monkeypatch.setenv("BROKER_TASK_ID", answers.TASK)
    monkeypatch.delenv("KUBERNETES_EXEC_INFO", raising=False)
    kind = "aws_sts" if tool == "aws" else "toy"
    broker.answers[ISSUE] = (201, issued(kind, **(KEYS if tool == "aws" else {"token": "canary"})))
    line, said = TOOLS[tool]
    wish = ["--capability", "orders-api", "--scope", "orders:read", "--ttl", "2m"]

    for _ in range(2):
        say(said)
        assert main([HELPER, *line, *wish]) == exits.OK
        assert "canary" in capsys.readouterr().out

    assert [asked.body for asked in broker.asked] == [
        {"capability": "orders-api", "scopes": ["orders:read"], "ttl_seconds": 120}
    ] * 2


def test_what_no_tool_can_take_is_given_back(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would live, and nobody would have it."""
    broker.answers[ISSUE] = (201, issued("postgres", password="canary"))
    back = f"DELETE /v1/credentials/{mint.LEASE}"
    broker.answers[back] = (200, answers.credential(state="ended"))
    wish = ["--task", answers.TASK, "--capability", "orders-api", "--scope", "orders:read"]

    assert main([HELPER, "aws", *wish]) == exits.REFUSED

    told = capsys.readouterr()
    assert "given back" in told.err
    assert "canary" not in told.out + told.err
    assert broker.asked[-1].method == "DELETE"


@pytest.mark.parametrize(
    ("status", "code", "ends", "words"),
    [
        (403, "access-denied", exits.REFUSED, "broker explain"),
        (409, "task-closed", exits.REFUSED, ""),
        (404, "not-found", exits.REFUSED, ""),
    ],
)
def test_a_refusal_of_the_broker_is_one_line(  # noqa: PLR0917 - what is parametrized
    broker: ScriptedBroker,
    capsys: pytest.CaptureFixture[str],
    status: int,
    code: str,
    ends: int,
    words: str,
) -> None:
    """Tools show the line, and some of them the first one alone."""
    broker.answers[ISSUE] = (status, answers.problem(status, code, decision=answers.DECISION))
    wish = ["--task", answers.TASK, "--capability", "orders-api", "--scope", "orders:read"]

    assert main([HELPER, "aws", *wish]) == ends

    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert words in told.err


def test_a_broker_that_is_not_there_is_unavailable(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, and soon."""
    del broker
    monkeypatch.setattr("broker.cli.helper_issue.WITHIN_SECONDS", 0.3)
    wish = ["--task", answers.TASK, "--capability", "orders-api", "--scope", "orders:read"]

    code = main([HELPER, "aws", *wish, "--broker", "http://127.0.0.1:1"])

    assert code == exits.UNAVAILABLE
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("tool", TOOLS)
def test_within_a_run_a_helper_loads_nothing_heavy(desk: FakeDesk, tool: str) -> None:
    """It is started for every request of its tool."""
    lay(desk, tool)
    line, said = TOOLS[tool]
    program = (
        "import json, sys; from broker.cli.main import main; code = main(sys.argv[1:]);"
        "sys.stdout.flush(); sys.stderr.write(json.dumps(sorted(sys.modules))); sys.exit(code)"
    )

    done = subprocess.run(  # noqa: S603 - our own interpreter and our own code
        [sys.executable, "-c", program, HELPER, *line, "--need", "orders"],
        input=said,
        env={**os.environ, **desk.environment},
        capture_output=True,
        check=True,
    )

    loaded = {name.partition(".")[0] for name in json.loads(done.stderr)}
    assert b"canary" in done.stdout
    assert loaded & {"aiohttp", "msgspec", "cryptography", "rich", "botocore"} == set()
