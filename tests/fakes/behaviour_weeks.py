"""Writes the fixtures of the detectors: ``python -m tests.fakes.behaviour_weeks``.

Two benign weeks of three agents (the first is what they are learnt in), and for each detector an
attack that follows upon them, as lines of an audit trail with what the detectors read of it. The
seed is fixed, so the files are always the same bytes.
"""

import json
import random  # noqa: TID251 - of a fixed seed: the same each time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from broker.clock import rfc3339

FOLDER: Final = Path(__file__).parents[1] / "fixtures" / "behaviour"
SEED: Final = 20261130
BEGIN_MS: Final = 1_796_083_200_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
DAYS: Final = 14
TENANT: Final = "acme"
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"

Line = dict[str, Any]


@dataclass
class Trail:
    """Lines in the order of their time."""

    chance: random.Random
    lines: list[Line] = field(default_factory=list)

    def add(self, at_ms: int, kind: str, **members: object) -> None:
        """Add a line."""
        self.lines.append({"at_ms": at_ms, "type": kind, "tenant": TENANT, **members})

    def task(self) -> str:
        """Make up a task's id."""
        return "t_03_" + "".join(self.chance.choices(LETTERS, k=26))

    def issued(self, at_ms: int, agent: str, task: str, **members: object) -> None:
        """A credential is issued."""
        said: Line = {
            "task": task,
            "agent": agent,
            "instance": "pod-1",
            "capability": "orders-api",
            "audience": "https://orders.example",
            "origin": "net:192.0.2.0/24",
            **members,
        }
        self.add(at_ms, "lease.issued", **said)

    def denied(self, at_ms: int, agent: str, task: str) -> None:
        """A request is refused."""
        request = {"action": "RequestCredential", "principal": f"agent:{agent}", "task": task}
        request |= {"agent": agent, "instance": "pod-1", "capability": "orders-api"}
        self.add(at_ms, "decision.denied", outcome="deny", reason="forbidden", request=request)

    def written(self, first: int = 1) -> str:
        """Write the lines, in order and numbered."""
        ordered = sorted(self.lines, key=lambda line: line["at_ms"])
        return "".join(_written(n, line) for n, line in enumerate(ordered, first))


def _written(n: int, line: Line) -> str:
    at_ms = line["at_ms"]
    head = {"seq": n, "epoch": "e1", "at": rfc3339(at_ms), "type": line["type"]}
    rest = {name: value for name, value in line.items() if name not in ("at_ms", "type")}
    return json.dumps({**head, "bucket": "03", "n": n, **rest}, separators=(",", ":")) + "\n"


def benign() -> Trail:
    """Two weeks in which nobody does anything odd, but much that is new or more than usual."""
    trail = Trail(random.Random(SEED))  # noqa: S311 - no secret: the same each time
    for day in range(DAYS):
        at_ms = BEGIN_MS + day * DAY_MS
        _office(trail, at_ms, day)
        _nightly(trail, at_ms, day)
        _helper(trail, at_ms)
    return trail


def _office(trail: Trail, day_ms: int, day: int) -> None:
    """A bot that works with people: by day, in one or two copies, and is refused now and then."""
    if day % 7 in (5, 6):
        return
    pods = ["pod-1", "pod-2"] if day != 11 else ["pod-1", "pod-2", "pod-3"]  # a busy day
    for hour in range(8, 18):
        for _ in range(trail.chance.randint(0, 3)):
            at_ms, task = day_ms + hour * HOUR_MS + trail.chance.randrange(HOUR_MS), trail.task()
            trail.issued(at_ms, "invoice-bot", task, instance=trail.chance.choice(pods))
            _refused(trail, at_ms, task)
    if day == 9:  # a release that asks for more
        task = trail.task()
        trail.issued(day_ms + 9 * HOUR_MS, "invoice-bot", task, capability="refunds-api")
    if day == 11:
        for n, pod in enumerate(pods):
            trail.issued(
                day_ms + 12 * HOUR_MS + n * 1000, "invoice-bot", trail.task(), instance=pod
            )


def _refused(trail: Trail, at_ms: int, task: str) -> None:
    if trail.chance.random() < 0.1:
        for n in range(trail.chance.randint(1, 4)):
            trail.denied(at_ms + 1000 * n, "invoice-bot", task)


def _nightly(trail: Trail, day_ms: int, day: int) -> None:
    """A batch at night, thrice as large at the end of the month."""
    task, size = trail.task(), 60 if day == 12 else 20
    for n in range(size):
        trail.issued(
            day_ms + 2 * HOUR_MS + n * 20_000,
            "report-bot",
            task,
            instance="job-1",
            capability="reports-read",
            audience="https://reports.example",
        )


def _helper(trail: Trail, day_ms: int) -> None:
    """One that rarely does anything, and is late sometimes."""
    at_ms, task = day_ms + trail.chance.randrange(DAY_MS), trail.task()
    trail.issued(at_ms, "helper-bot", task)
    if trail.chance.random() < 0.3:
        trail.add(at_ms + HOUR_MS, "use.late", agent="helper-bot", instance="pod-1", how="ask")


ATTACK_MS: Final = BEGIN_MS + DAYS * DAY_MS + 3 * HOUR_MS


def _burst(trail: Trail) -> None:
    for n in range(25):
        trail.denied(ATTACK_MS + n * 2_000, "invoice-bot", trail.task())


def _capability(trail: Trail) -> None:
    trail.issued(ATTACK_MS, "helper-bot", trail.task(), capability="payments-api")


def _resource(trail: Trail) -> None:
    trail.issued(ATTACK_MS, "helper-bot", trail.task(), audience="https://payroll.example")


def _fast(trail: Trail) -> None:
    task = trail.task()
    for n in range(120):
        trail.issued(ATTACK_MS + n * 10_000, "invoice-bot", task)


def _copies(trail: Trail) -> None:
    for n in range(6):
        trail.issued(ATTACK_MS + n * 1_000, "report-bot", trail.task(), instance=f"copy-{n}")


def _late(trail: Trail) -> None:
    for n in range(8):
        trail.add(ATTACK_MS + n * 5_000, "use.late", agent="report-bot", instance="x", how="ask")


def _second(trail: Trail) -> None:
    task = trail.task()
    for n in range(4):
        said = {"agent": "invoice-bot", "instance": "pod-9", "task": task}
        trail.add(ATTACK_MS + n * 5_000, "use.foreign", **said)


def _stray(trail: Trail) -> None:
    said = {"agent": "invoice-bot", "instance": "pod-1", "said_by": "agent", "untold": 0}
    answered = {"outcome": "answered", "times": 40, "host": "api.example.com", "status": 200}
    stray = {"outcome": "refused", "times": 1, "problem": "stray-stand-in"}
    trail.add(ATTACK_MS, "use.said", **said, task=trail.task(), uses=[answered])
    trail.add(ATTACK_MS + 30_000, "use.said", **said, task=trail.task(), uses=[answered, stray])


def _far(trail: Trail) -> None:
    trail.issued(ATTACK_MS, "invoice-bot", trail.task(), origin="net:198.51.100.0/24")


def _shown(trail: Trail) -> None:
    for n in range(4):
        trail.add(
            ATTACK_MS + n * 61_000,
            "use.late",
            agent="report-bot",
            task=trail.task(),
            how="introspect",
            ended_by="task-ended",
        )


ATTACKS: Final[dict[str, Callable[[Trail], None]]] = {
    "denial-burst": _burst,
    "first-capability": _capability,
    "first-resource": _resource,
    "rate": _fast,
    "instances": _copies,
    "second-instance": _second,
    "after-end": _late,
    "shown-dead": _shown,
    "stray": _stray,
    "origin": _far,
}
"""By detector: what it must find."""


def files() -> Iterator[tuple[str, str]]:
    """Yield each file's name and text."""
    weeks = benign()
    yield "benign.jsonl", weeks.written()
    for detector, attack in ATTACKS.items():
        trail = Trail(random.Random(SEED))  # noqa: S311 - no secret: the same each time
        attack(trail)
        yield f"{detector}.jsonl", trail.written(len(weeks.lines) + 1)


if __name__ == "__main__":
    for name, text in files():
        (FOLDER / name).write_text(text)
