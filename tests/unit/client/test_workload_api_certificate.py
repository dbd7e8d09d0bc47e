"""X.509-SVIDs from the Workload API: a server of its published protobufs, on a socket."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.client.certificate_errors import WorkloadApiCertificateError
from broker.client.workload_api import SOCKET_VARIABLE, WorkloadApiError, workload_api_certificate

ROOT = Path(__file__).parents[3]
ID = "spiffe://prod.example/agents/invoice-bot/pod-1"
PATIENCE_S = 100

ASKS = """
import asyncio, json, sys
from broker.client import ClientError, Tls, workload_api_certificate
async def main():
    source = workload_api_certificate(sys.argv[1], subject=sys.argv[2], timeout_seconds=60)
    tls = Tls(certificate=source)
    try:
        first, second = await tls.context(), await tls.context()
        print(json.dumps(["rotated" if first is not second else "same"]))
    except ClientError as error:
        print(json.dumps([type(error).__name__, str(error), error.remedy]))
asyncio.run(main())
"""
"""In a process of its own: gRPC's threads do not outlive it."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Path]:
    """Run the server; return its folder, which steers it."""
    argv = [sys.executable, "-m", "tests.real.workload_api", str(tmp_path), ID]
    with subprocess.Popen(argv, cwd=ROOT) as server:  # noqa: S603  our own program
        try:
            while not (tmp_path / "api.sock").exists():
                assert server.poll() is None
                time.sleep(0.05)
            yield tmp_path
        finally:
            server.kill()


def ask(folder: Path, subject: str = "") -> list[str]:
    """Make a context twice, as two requests do."""
    done = subprocess.run(  # noqa: S603  our own interpreter and our own text
        [sys.executable, "-W", "error", "-c", ASKS, str(folder / "api.sock"), subject],
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
        cwd=ROOT,
    )
    answer: list[str] = json.loads(done.stdout)
    return answer


def test_each_answer_is_what_is_shown_next(api: Path) -> None:
    """The server rotates at each call; nothing is kept here."""
    assert ask(api) == ["rotated"]
    assert ask(api, ID) == ["rotated"]


def test_no_identity_is_a_typed_error(api: Path) -> None:
    """Another than the workload's, or none at all."""
    foreign = ask(api, "spiffe://prod.example/agents/other/pod-1")
    (api / "unregistered").touch()
    unknown = ask(api)

    for kind, _, remedy in (foreign, unknown):
        assert kind == WorkloadApiCertificateError.__name__
        assert SOCKET_VARIABLE in remedy
    assert unknown[1].endswith("it answered PERMISSION_DENIED")


def test_where_nobody_answers_it_says_so(tmp_path: Path) -> None:
    """No socket is there."""
    assert ask(tmp_path)[0] == WorkloadApiCertificateError.__name__


def test_arguments_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the source is made."""
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)

    with pytest.raises(WorkloadApiError, match=SOCKET_VARIABLE):
        workload_api_certificate()
    with pytest.raises(ValueError, match="timeout_seconds"):
        workload_api_certificate("/x", timeout_seconds=0)
    with pytest.raises(ValueError, match="SPIFFE ID"):
        workload_api_certificate("/x", subject="no-id")
