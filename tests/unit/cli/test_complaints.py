"""What goes wrong is said in a way that fits who reads it, and never as a traceback."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
from tests.fakes.scripted_broker import ScriptedBroker


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A workload token in a file."""
    file = tmp_path / "token"
    file.write_text("workload.token.of-alice\n")
    return file


def at(url: str, token: Path, *arguments: str) -> list[str]:
    """Write a command line."""
    return [*arguments, "--broker", url, "--token-file", str(token)]


def test_with_json_an_error_is_a_document(token: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what the broker's problem says, on standard error."""
    with ScriptedBroker() as broker:
        problem = answers.problem(409, "selection-changed", detail="grown by 2", grown=2, shrunk=0)
        broker.answers["POST /v1/revocations"] = (409, problem)
        order = ("revoke", "--set", "ab" * 32, "--reason", "x", "--json")

        code = main(at(broker.url, token, *order))

    told = capsys.readouterr()
    assert (code, told.out) == (exits.REFUSED, "")
    error = json.loads(told.err)["error"]
    assert (error["code"], error["status"], error["grown"]) == ("selection-changed", 409, 2)
    assert error["exit_code"] == exits.REFUSED


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["task", "show", "t_7"], exits.USAGE),
        (["task", "show"], exits.USAGE),
        (["tsak"], exits.USAGE),
        (["config", "check", "--config", "/nowhere"], exits.CONFIGURATION),
    ],
)
def test_every_kind_of_mistake_is_a_document(
    arguments: list[str], code: int, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one that was found before anybody was asked."""
    line = at("http://127.0.0.1:9", token, *arguments) if arguments[0] == "task" else arguments

    assert main([*line, "--json"]) == code

    error = json.loads(capsys.readouterr().err)["error"]
    assert error["exit_code"] == code
    assert error["message"]


@contextmanager
def answering(raw: bytes) -> Iterator[str]:
    """Answer every connection with some bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(raw)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
GARBAGE = [
    b"no http at all\r\n\r\n",
    HEAD + b"\xff\xfe{",
    HEAD + b"[1]",
    HEAD + b'{"tasks": 7}',
    b"HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n<html>\x1b[2J</html>",
    b"",
]


@pytest.mark.parametrize("raw", GARBAGE)
def test_whatever_answers_there_is_no_traceback(
    raw: bytes, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence, and nothing that acts on the terminal."""
    with answering(raw) as where:
        code = main(at(f"http://{where}", token, "task", "list"))

    told = capsys.readouterr()
    assert code in (exits.REFUSED, exits.UNAVAILABLE)
    assert told.out == ""
    assert told.err
    assert "\x1b" not in told.err


def test_a_server_that_speaks_no_tls_is_named(
    token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usual mistake of an https URL for an http port."""
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as where:
        code = main(at(f"https://{where}", token, "task", "list"))

    assert code == exits.UNAVAILABLE
    assert f"https://{where}" in capsys.readouterr().err


def test_a_reader_that_went_away_ends_it_quietly() -> None:
    """`broker … | head -1` prints no complaint of ours."""
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "broker", "completion", "bash"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    table = subprocess.run(
        [sys.executable, "-m", "broker", "help", "exit-codes"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )

    os.close(writing)
    assert (done.returncode, done.stderr) == (exits.BROKEN_PIPE, b"")
    assert (table.returncode, table.stderr) == (exits.BROKEN_PIPE, b"")


def test_every_exit_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """By the command itself."""
    assert main(["help", "exit-codes", "--json"]) == exits.OK

    listed = json.loads(capsys.readouterr().out)["exit_codes"]
    assert [row["code"] for row in listed] == list(exits.MEANINGS)
