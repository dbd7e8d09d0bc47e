import io
import json

import aiohttp
import pytest

from broker.dev.console import JsonReporter
from broker.dev.step import Step, expect
from broker.dev.story import play


class Ticks:
    """A clock that goes on by 5 ms each time it is asked."""

    def __init__(self) -> None:
        self._now = 0

    def now_ms(self) -> int:
        """Return nothing useful: the story measures by the other clock."""
        return 0

    def monotonic_ms(self) -> int:
        """Go on by 5 ms."""
        self._now += 5
        return self._now


async def remember(stage: list[str]) -> str:
    """A step that goes well."""
    stage.append("acted")
    return "200"


async def go_wrong(stage: list[str]) -> str:
    """A step that sees what it must not."""
    expect(not stage, expected="nothing", seen=stage)
    return ""


async def find_nobody(stage: list[str]) -> str:
    """A step whose partner is gone."""
    raise aiohttp.ClientConnectionError(f"no answer after {len(stage)} calls")


GOOD = Step("good", "Chapter", "it goes well", remember)
WRONG = Step("wrong", "Chapter", "it goes wrong", go_wrong)
GONE = Step("gone", "Chapter", "nobody answers", find_nobody)


async def told(
    steps: list[Step[list[str]]], stage: list[str]
) -> tuple[str, list[dict[str, object]]]:
    """Play the steps; return the failure and the outcomes."""
    reporter = JsonReporter(out := io.StringIO())
    failure = await play(stage, steps, reporter, Ticks())
    reporter.end(failure)
    return failure, json.loads(out.getvalue())["steps"]


async def test_steps_are_taken_in_order_and_timed() -> None:
    """Each step acts on the same stage and is told with how long it took."""
    stage: list[str] = []

    failure, steps = await told([GOOD, GOOD], stage)

    assert failure == ""
    assert stage == ["acted", "acted"]
    assert [(step["seen"], step["milliseconds"]) for step in steps] == [("200", 5), ("200", 5)]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (WRONG, "Step 'wrong' failed: expected nothing; saw ['acted']"),
        (GONE, "Step 'gone' failed: expected success; saw ClientConnectionError: no answer"),
    ],
)
async def test_the_first_failure_ends_the_story(bad: Step[list[str]], words: str) -> None:
    """What comes after a failed step would only be noise; the failure says which step and why."""
    failure, steps = await told([GOOD, bad, GOOD], [])

    assert failure.startswith(words)
    assert [step["ok"] for step in steps] == [True, False]
