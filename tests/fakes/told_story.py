"""A story that is told for a test: in a moment, and remembered."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.clock import SystemClock
from broker.dev.commands import Commands
from broker.dev.console import JsonReporter
from broker.dev.demo import tell_story
from broker.dev.stage import Stage
from broker.dev.step import Step
from broker.dev.steps import STEPS


@dataclass(frozen=True)
class Told:
    """What was told, and where it had its state."""

    failure: str
    document: dict[str, Any]

    @property
    def last_step(self) -> str:
        """The step that the story ended with."""
        return str(self.document["steps"][-1]["name"])

    @property
    def state(self) -> Path:
        """The directory that must be gone."""
        [told] = [step["seen"] for step in self.document["steps"] if step["name"] == "configure"]
        return Path(told).parent


async def tell(
    commands: Commands, *, brokers: int = 1, steps: Sequence[Step[Stage]] = STEPS
) -> Told:
    """Tell a story and remember it."""
    reporter = JsonReporter(out := io.StringIO())
    failure = await tell_story(reporter, commands, SystemClock(), brokers=brokers, steps=steps)
    return Told(failure, json.loads(out.getvalue()))


def chapter_of(name: str) -> list[Step[Stage]]:
    """Return the steps of the chapter in which a step is."""
    [chapter] = [step.chapter for step in STEPS if step.name == name]
    return [step for step in STEPS if step.chapter == chapter]


def processes_on(state: Path) -> list[str]:
    """List the processes that have a directory in their command line."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if str(state) in line:
            lines.append(line)
    return lines
