"""`make demo-real`: what it shows, and that it fails when something is sabotaged."""

import json
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from broker.clock import SystemClock
from broker.dev.console import JsonReporter
from tests.chaos.target_cases import KILLING, LISTING, MINTING
from tests.real import openbao_server
from tests.real.demo import acts
from tests.real.demo.steps import STORY
from tests.real.demo.tell import tell

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1_200)]


@pytest.fixture(autouse=True)
def parts(part: Callable[[str], Path], postgres_programs: Path) -> None:  # noqa: ARG001 - they are there
    """All that it needs."""
    part("openbao")
    part("radosgw")


def test_one_task_end_kills_all_three_kinds_and_a_killed_broker_leaves_nothing_alive() -> None:
    """Every step of it, with the receipts."""
    command = [sys.executable, "-m", "tests.real.demo", "--json"]

    told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours

    said = json.loads(told.stdout)
    assert (said["failure"], told.returncode) == ("", 0), told.stderr
    assert {receipt["state"] for receipt in said["receipts"]} == {"confirmed"}
    assert len(said["receipts"]) == 9
    names = {step["name"] for step in said["steps"]}
    assert {"end", "report", "word", "other", *KILLING, *LISTING} <= names
    assert {"elsewhere", "preview", "closed", "ticketed-report", "why", "ticketed-other"} <= names
    assert len([name for name in names if name.startswith(MINTING)]) == 2 * len(MINTING)


async def told(**changes: Any) -> dict[str, Any]:
    """Tell the story in this process, without the deaths of brokers."""
    output = StringIO()
    await tell(JsonReporter(output), SystemClock(), aws="radosgw", steps=STORY, **changes)
    return dict(json.loads(output.getvalue()))


async def test_it_fails_where_sessions_are_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that denies nobody."""
    monkeypatch.setattr(acts, "PATIENCE_S", 8.0)

    said = await told(kill="none")

    assert not said["ok"]
    assert "the STS session to be refused" in said["failure"]


async def test_it_fails_where_open_database_sessions_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """OpenBao's own statements leave them alone."""
    monkeypatch.setattr(acts, "PATIENCE_S", 8.0)
    monkeypatch.setattr(openbao_server, "KILLING", ['ALTER ROLE "{{name}}" NOLOGIN;'])

    said = await told()

    assert not said["ok"]
    assert "the database login to be refused" in said["failure"]
