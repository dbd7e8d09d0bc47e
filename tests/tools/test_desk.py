"""Helpers and Python's classes before the desk of a run itself."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from broker.client.run_credential import AsyncRunCredential, RunAwayError, RunCredentialError
from broker.clock import SystemClock
from broker.running.desk import Desk
from broker.running.errors import NoCredentialNowError, UnknownNeedError
from broker.running.source import HeldValues
from broker.secret import Secret


class Needs:
    """Knows one need; another one is gone."""

    async def current(self, need: str) -> HeldValues:
        """Return what it holds now."""
        if need == "gone":
            raise NoCredentialNowError("nothing of gone is alive")
        if need != "orders":
            raise UnknownNeedError(f"there is no {need}")
        now = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
        return HeldValues(
            name=need,
            capability="orders-api",
            kind="jwt",
            credential_id="l_00_" + "a" * 26,
            expires_at=now + timedelta(minutes=5),
            values={"access_token": Secret("canary-token")},
        )


async def helped(desk: Desk, need: str) -> "subprocess.CompletedProcess[str]":
    """Run a helper below it."""
    run = {"BROKER_RUN_URL": desk.url, "BROKER_RUN_TOKEN": desk.token.reveal()}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "broker", "credential-helper", "kubernetes", "--need", need],
        env={**os.environ, **run},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def test_a_helper_is_served_by_a_runs_desk() -> None:
    """What the need holds; and why not, with an exit code that says whether it may be later."""
    async with Desk(Needs(), proxied=frozenset({"proxied"})) as desk:
        given = await helped(desk, "orders")
        refused = [await helped(desk, need) for need in ("other", "proxied", "gone")]

    assert given.returncode == 0, given.stderr
    assert "canary-token" in given.stdout
    assert [each.returncode for each in refused] == [1, 1, 3]
    assert [each.stderr.count("\n") for each in refused] == [1, 1, 1]
    assert all(each.stdout == "" for each in refused)
    assert "through the proxy" in refused[1].stderr


async def test_a_program_is_served_by_a_runs_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same way."""
    async with Desk(Needs()) as desk:
        monkeypatch.setenv("BROKER_RUN_URL", desk.url)
        monkeypatch.setenv("BROKER_RUN_TOKEN", desk.token.reveal())

        shown = await AsyncRunCredential("orders").headers("GET", "https://orders.example")
        with pytest.raises(RunAwayError, match="gone"):
            await AsyncRunCredential("gone").secret()
        with pytest.raises(RunCredentialError, match="other"):
            await AsyncRunCredential("other").secret()

    assert shown == {"Authorization": "Bearer canary-token"}
