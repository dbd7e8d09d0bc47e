"""The source that asks the Workload API, without one; with one: ``tests/real``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.client.endpoint import Endpoint, open_session
from broker.client.errors import SpiffeNotInstalledError, TokenSourceError, WorkloadApiError
from broker.client.workload_api import SOCKET_VARIABLE, workload_api_token


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the source is made, not at the first request."""
    monkeypatch.setitem(sys.modules, "spiffe", None)

    with pytest.raises(SpiffeNotInstalledError) as refused:
        workload_api_token("jit-broker", "/run/agent.sock")

    assert "jit-broker[spiffe]" in refused.value.remedy


def test_without_a_socket_it_says_who_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an argument nor the environment."""
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)

    with pytest.raises(WorkloadApiError, match=SOCKET_VARIABLE):
        workload_api_token("jit-broker")


@pytest.mark.parametrize(("audience", "seconds"), [("", 5.0), ("jit-broker", 0.0)])
def test_arguments_that_do_not_fit_are_named(audience: str, seconds: float) -> None:
    """Before anything is loaded."""
    with pytest.raises(ValueError, match="audience must be given"):
        workload_api_token(audience, "/run/agent.sock", timeout_seconds=seconds)


ASKS = """
import asyncio, sys
from broker.client import ClientError, workload_api_token
try:
    asyncio.run(workload_api_token("jit-broker", **eval(sys.argv[1]))())
except (ClientError, ValueError) as error:
    print(type(error).__name__, error)
"""
"""In a process of its own: gRPC's threads do not outlive it."""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("{'socket': '/nowhere/agent.sock'}", "WorkloadApiError"),
        ("{'socket': 'unix:///nowhere/agent.sock'}", "WorkloadApiError"),
        ("{'socket': 'tcp://127.0.0.1:8081'}", "WorkloadApiError"),
        ("{'socket': 'nonsense'}", "WorkloadApiError"),
        ("{'socket': __file__ if 0 else '/etc/hostname'}", "WorkloadApiError"),
        ("{'socket': '/x', 'subject': 'no-id'}", "ValueError subject is a SPIFFE ID"),
    ],
)
def test_a_socket_where_nobody_answers_is_a_typed_error(arguments: str, says: str) -> None:
    """Whatever the text is."""
    done = subprocess.run(  # noqa: S603  our own interpreter and our own text
        [sys.executable, "-W", "error", "-c", ASKS, arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
        cwd=Path(__file__).parents[3],
        env=dict(os.environ),
    )

    assert done.stdout.startswith(says), done


async def headers(endpoint: Endpoint) -> None:
    """Ask what a request would carry."""
    await endpoint.headers("GET", endpoint.url())


async def test_the_error_of_a_source_of_ours_keeps_its_type_and_remedy() -> None:
    """Whoever asks the broker learns what is wrong; of any other source, only its kind."""

    async def ours() -> str:
        raise WorkloadApiError("it answered UNAVAILABLE")

    async def foreign() -> str:
        raise LookupError("a text that may hold a secret")

    async with open_session() as session:
        with pytest.raises(WorkloadApiError, match="UNAVAILABLE"):
            await headers(Endpoint("http://127.0.0.1", ours, session))
        with pytest.raises(TokenSourceError, match="LookupError") as refused:
            await headers(Endpoint("http://127.0.0.1", foreign, session))
    assert "secret" not in str(refused.value)
