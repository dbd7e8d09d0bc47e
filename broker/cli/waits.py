"""What a step of the signing keys waits for: each thing said once, and shown as a bar."""

from collections.abc import Sequence

import click

from broker.cli.progress import Teller
from broker.rotation_plan import Obstacle

_LONGEST_NAME = 40


class Waits:
    """Tells of obstacles, as often as one looks at them.

    One that a clock ends has a bar of seconds; any other has one of a single thing to come.
    """

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._totals: dict[tuple[str, int], int] = {}

    def __call__(self, found: Sequence[Obstacle]) -> None:
        """Tell what is in the way now."""
        for each in found:
            self._look(each)
        self._finish(set(self._totals) - {_mark(each) for each in found})

    def over(self) -> None:
        """Say that nothing is in the way any more."""
        self._finish(set(self._totals))

    def _look(self, obstacle: Obstacle) -> None:
        mark, left = _mark(obstacle), -(-obstacle.left_ms // 1000) or 1
        if mark not in self._totals:
            self._totals[mark] = left
            click.echo(f"waiting: {obstacle.what}", err=True)
        total = self._totals[mark]
        self._teller.tell(_bar(mark), max(0, total - left), total)

    def _finish(self, marks: set[tuple[str, int]]) -> None:
        for mark in marks:
            self._teller.tell(_bar(mark), self._totals[mark], self._totals[mark])


def _mark(obstacle: Obstacle) -> tuple[str, int]:
    """Name an obstacle; one with a time in it is the same one a moment later."""
    word = obstacle.what.partition(" ")[0].rstrip(":") if obstacle.until_ms else obstacle.what
    return word, obstacle.until_ms


def _bar(mark: tuple[str, int]) -> str:
    word, until_ms = mark
    unit = "seconds for" if until_ms else "waiting for"
    return f"{unit} {word.partition(' ')[0][:_LONGEST_NAME]}"
