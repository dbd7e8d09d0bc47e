"""The story itself: told by the real command, on real processes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from broker.dev.steps import STEPS
from tests.fakes.census import all_gone
from tests.fakes.told_story import processes_on

DEMO = (sys.executable, "-m", "broker", "demo")


@pytest.mark.slow
@pytest.mark.parametrize("brokers", ["1", "2"])
def test_every_step_is_as_it_must_be(brokers: str) -> None:
    """With one broker, and with two that take turns: exit code 0, every receipt final."""
    done = subprocess.run(  # noqa: S603 - our own command
        [*DEMO, "--json", "--brokers", brokers], capture_output=True, text=True, check=False
    )

    told = json.loads(done.stdout)
    assert told["failure"] == ""
    assert done.returncode == 0
    assert [step["name"] for step in told["steps"]][6:-2] == [step.name for step in STEPS]
    assert [receipt["state"] for receipt in told["receipts"]] == ["confirmed"] * 5 + ["expired"]


def started_demo() -> tuple[subprocess.Popen[str], Path]:
    """Start the story and wait until its brokers run; return it and its state directory."""
    story = subprocess.Popen(  # noqa: S603 - our own command
        DEMO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert story.stdout is not None
    for line in story.stdout:
        if "signing keys" in line:
            state = Path(next(word for word in line.split() if word.startswith("/"))).parent
        if "A task that is done" in line:
            return story, state
    raise AssertionError("the story ended before it began")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_nothing_is_left_however_it_ends(how: signal.Signals, code: int) -> None:
    """Ctrl-C, SIGTERM and `kill -9` leave no process, no socket and no file."""
    story, state = started_demo()
    assert processes_on(state)

    story.send_signal(how)
    with story:
        story.communicate()

    assert story.returncode == code
    assert all_gone([story.pid], state)
    deadline = time.monotonic() + 20
    while processes_on(state) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_on(state) == []
