"""What orchestrators.md types, typed before `broker dev` with the ids of real tasks.

Its line for npm is not ours: what it builds is built by tests/real/typescript_stage.py.
"""

import pytest

from broker.cli import exits
from tests.fakes.keyboard import Keyboard, typed_blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

OPEN, END, WAIT, _NPM, WATCH = typed_blocks("orchestrators.md")


def test_a_task_is_opened_with_a_claim_handle(keys: Keyboard) -> None:
    """No instance is named, so the handle is shown, once."""
    keys.becomes("orchestrator:ci-orchestrator")

    told = keys.does(OPEN[0]).out

    assert "claim handle, shown once" in told
    assert "idle timeout seconds  30" in told


@pytest.mark.parametrize("number", range(3), ids=["complete", "fail", "cancel"])
def test_a_task_is_ended_in_each_way_and_reported(keys: Keyboard, number: int) -> None:
    """The credential is dead, and ending it twice is harmless."""
    task = {"t_…": keys.opens()}
    credential = keys.gets(task["t_…"])
    keys.becomes("orchestrator:ci-orchestrator")
    *_, report = END

    assert credential in keys.does(END[number], task).out
    assert credential in keys.does(END[number], task).out
    assert "1 confirmed" in keys.says(report, task, "1 confirmed")


def test_an_end_is_waited_for_until_the_target_confirms(keys: Keyboard) -> None:
    """And ends with 0 then; tests/e2e/test_waiting.py has the other ways."""
    task = keys.opens()
    keys.gets(task)
    keys.becomes("orchestrator:ci-orchestrator")

    assert "1 confirmed" in keys.does(WAIT[0], {"t_…": task}).out


def test_a_watcher_outside_a_pod_says_what_it_lacks(keys: Keyboard) -> None:
    """In a pod its namespace is mounted; at a cluster's API tests/e2e/test_watching.py runs it."""
    said = keys.types(WATCH[0])

    assert (said.code, "--namespace" in said.err) == (exits.REFUSED, True)
