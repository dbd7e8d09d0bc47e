"""The benchmark itself, small: it measures, and leaves nothing running however it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.fakes.census import all_gone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
SMALL = ("--seconds", "0.2", "--rounds", "1", "--tasks", "60")
ALONE = ("--workers", "1", "--connections", "4", "--json")
EVERYTHING = 9
"""Processes: warden, group, two guarded servers, issuer, broker, floor; and the load, at times."""


def start(place: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Run it, with its private directory in a place that can be looked at."""
    return subprocess.Popen(  # noqa: S603 - our interpreter, our module
        [sys.executable, "-m", "tests.bench", *arguments],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children_of(pid: int) -> set[int]:
    """List all descendants, whichever thread started them."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    own = {int(child) for each in lists for child in each.read_text().split()}
    return own | {below for child in own for below in children_of(child)}


def test_every_verb_is_measured_beside_the_floor() -> None:
    """With no request refused, and with nothing left behind."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        bench = start(Path(place), *SMALL, *ALONE)
        out, err = bench.communicate()

        assert bench.returncode == 0, err
        results = json.loads(out)
        assert [each["verb"] for each in results] == [
            "issue",
            "evaluate",
            "introspect",
            "complete",
        ]
        for side in ("product", "floor"):
            samples = [sample for each in results for sample in each[side]]
            assert len(samples) == len(results)
            assert min(sample["answered"] for sample in samples) > 0
            # The system counts CPU time in hundredths of a second: one short sample may have none.
            assert sum(sample["server_us"] for sample in samples) > 0
        assert list(Path(place).iterdir()) == []


def test_a_tree_is_closed_and_taken_down() -> None:
    """Small: until nothing of it is left, in the ledger or on its way to the feed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        bench = start(Path(place), "tree", "--leases", "300", "--json")
        out, err = bench.communicate()

        assert bench.returncode == 0, err
        felled = json.loads(out)
        assert felled["leases"] == 300
        assert felled["closed_ms"] > 0
        assert list(Path(place).iterdir()) == []


def test_a_burst_freezes_and_how_soon_is_measured() -> None:
    """Small; how long it took is for whoever reads it, and that it happened is checked here."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        bench = start(Path(place), "freezing", "--rounds", "2", "--json")
        out, err = bench.communicate()

        assert bench.returncode == 0, err
        delay = json.loads(out)
        assert (delay["rounds"], delay["refusals"]) == (2, 4)
        assert 0 < delay["p50_ms"] <= delay["max_ms"]
        assert list(Path(place).iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_it_ends_everything(number: signal.Signals) -> None:
    """Also in the middle, and also when it cannot do anything about it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        bench = start(Path(place), *SMALL, *ALONE, "--seconds", "30")
        deadline = time.monotonic() + 60
        while len(started := children_of(bench.pid)) < EVERYTHING and time.monotonic() < deadline:
            time.sleep(0.1)

        bench.send_signal(number)
        bench.communicate()

        assert len(started) >= EVERYTHING
        assert bench.returncode in (130, -number)
        assert all_gone(started, *Path(place).glob("jit-broker-*"))
