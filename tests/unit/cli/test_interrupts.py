"""Ctrl-C and SIGTERM end every command: by exit code, without a traceback, with all cleaned up."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.exceptions import Exit

from broker.cli import exits
from broker.cli.interrupts import obeying, run
from broker.cli.main import main
from broker.dev.configure import shipped
from broker.errors import ConfigurationError
from tests.fakes import answers
from tests.fakes.command import Command
from tests.fakes.scripted_broker import ScriptedBroker

SIGNALS = [(signal.SIGINT, exits.INTERRUPTED), (signal.SIGTERM, exits.TERMINATED)]
TASK = f"/v1/tasks/{answers.TASK}"
PENDING = answers.report(receipts=[answers.receipt(state="pending")])


@pytest.fixture
def silence() -> Iterator[socket.socket]:
    """A place where somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(300)
        yield listening


def port_of(listening: socket.socket) -> int:
    """Where it listens."""
    port: int = listening.getsockname()[1]
    return port


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_work_that_is_stopped_cleans_up(number: int, code: int) -> None:
    """It is cancelled once, and what it has taken is given back."""
    given_back: list[str] = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            given_back.append("all")

    before = signal.getsignal(number)
    with pytest.raises(Exit) as ended:
        run(work())

    assert (ended.value.exit_code, given_back) == (code, ["all"])
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_what_fails_because_it_was_stopped_is_no_failure(number: int, code: int) -> None:
    """A library may make its own error of the interruption."""

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise ConfigurationError("cut off") from None

    with pytest.raises(Exit) as ended:
        run(work())

    assert ended.value.exit_code == code


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_outside_of_a_loop_it_is_an_interrupt_that_is_remembered(number: int, code: int) -> None:
    """Even when it comes up as something else."""
    with pytest.raises(KeyboardInterrupt), obeying() as heard:
        os.kill(os.getpid(), number)
    assert heard.exit_code == code


def test_a_failure_of_its_own_stays_one() -> None:
    """Nobody interrupted anything."""

    async def work() -> None:
        raise ConfigurationError("a mistake")

    with pytest.raises(ConfigurationError, match="a mistake"):
        run(work())


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_following_a_report_can_be_stopped(number: int, code: int, broker: ScriptedBroker) -> None:
    """In a terminal, in the midst of it."""
    broker.answers[f"GET {TASK}/report"] = (200, PENDING)

    ended = Command({}).run_before_a_screen(
        *("report", answers.TASK, "--wait", "confirmed"), until="0/1", signal=number
    )

    assert (ended.code, ended.out) == (code, "")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_an_order_that_is_followed_no_more_is_named(
    number: int, code: int, broker: ScriptedBroker
) -> None:
    """Whoever gave it can look at it later."""
    order = answers.revocation(acknowledged=False, pending_buckets=[3])
    broker.answers["POST /v1/revocations"] = (200, order)
    broker.answers[f"GET /v1/revocations/{answers.REVOCATION}"] = (200, order)

    process = Command({}).start(
        *("revoke", "--agent", "invoice-bot", "--reason", "x", "--wait", "ledger")
    )
    while len(broker.asked) < 3:
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=300)

    assert (process.returncode, out) == (code, "")
    assert err.strip() == f"The order stands; follow it: broker report {answers.REVOCATION}"


def test_an_order_that_nobody_answered_may_stand(
    silence: socket.socket, broker: ScriptedBroker
) -> None:
    """It is not known; where to look is."""
    del broker  # only for the token
    command = Command({"BROKER_URL": f"http://127.0.0.1:{port_of(silence)}"})
    process = command.start("revoke", "--agent", "invoice-bot", "--reason", "x")
    with silence.accept()[0] as connection:
        connection.recv(65536)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)

    assert (process.returncode, out) == (exits.INTERRUPTED, "")
    assert err.strip() == "The order may stand; look for it: broker revocation list"


STORED = [
    ["apply"],
    ["keys", "init"],
    ["ledger", "check"],
    ["doctor"],
]


@pytest.mark.parametrize("words", STORED, ids=" ".join)
def test_a_ledger_that_never_answers_is_left(
    words: list[str], silence: socket.socket, tmp_path: Path
) -> None:
    """Nothing is left behind, neither a file nor a word of Python's."""
    config = configured(tmp_path, port_of(silence))
    before = sorted(tmp_path.rglob("*"))
    process = Command({}).start(*words, "--config", str(config))
    with silence.accept()[0]:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=300)

    assert (process.returncode, out, err.strip()) == (exits.TERMINATED, "", "")
    assert sorted(tmp_path.rglob("*")) == before


def configured(folder: Path, port: int) -> Path:
    """Write the shipped configuration, for a store at a port."""
    settings = yaml.safe_load((shipped() / "broker.yaml").read_text())
    settings["store"]["url"] = f"redis://127.0.0.1:{port}"
    settings["keys"]["directory"] = str(folder / "keys")
    settings["audit"]["file"] = str(folder / "audit.jsonl")
    for name, path in settings["bundle"].items():
        settings["bundle"][name] = str(shipped() / path)
    (folder / "broker.yaml").write_text(yaml.safe_dump(settings))
    return folder / "broker.yaml"


def test_checking_a_trail_can_be_stopped(tmp_path: Path) -> None:
    """Here no loop runs; a pipe that nobody writes to is as long as a trail can be."""
    trail = tmp_path / "audit.jsonl"
    os.mkfifo(trail)

    ended = Command({}).run_before_a_screen(
        *("audit", "verify", str(trail)), until="checking", signal=signal.SIGTERM
    )

    assert (ended.code, ended.out) == (exits.TERMINATED, "")
    assert "Traceback" not in ended.err


def test_an_interrupt_that_became_another_error_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The policy engine, which is no Python, answers Ctrl-C with an error of types."""

    def interrupted(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise TypeError("expected a Template") from None

    monkeypatch.setattr("broker.cli.feed.load", interrupted)

    assert main(["feed", "trails"]) == exits.INTERRUPTED
