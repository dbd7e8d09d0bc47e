"""Whose sign of life goes out, and when none does."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from broker.client.heart import Heart
from broker.client.results import Task
from tests.fakes import answers

TASK: Final = msgspec.convert(answers.task(idle_timeout_seconds=30), Task)


class Beats:
    """A heart whose periods pass when a test says so."""

    def __init__(self, *, beats_alone: bool) -> None:
        self.heard = 0
        self.heart = Heart(
            TASK, self._beat, on_loss=lambda: None, sleep=self._sleep, beats_alone=beats_alone
        )
        self._before_period: list[Callable[[], None]] = []

    async def run(self, *before_period: Callable[[], None]) -> int:
        """Let so many periods pass, each after what happens in it; return the number of beats."""
        self._before_period = list(before_period)
        running = asyncio.create_task(self.heart.run())
        await asyncio.wait([running], timeout=1)
        return self.heard

    async def _beat(self) -> Task:
        self.heard += 1
        return TASK

    async def _sleep(self, _seconds: float) -> None:
        if not self._before_period:
            raise asyncio.CancelledError
        self._before_period.pop(0)()


def nothing() -> None:
    """Happen not."""


async def test_a_heart_of_its_own_beats_each_period() -> None:
    """Whatever the work does."""
    assert await Beats(beats_alone=True).run(nothing, nothing, nothing) == 3


async def test_a_heart_that_follows_the_work_beats_only_after_a_sign_of_life() -> None:
    """However many signs there were: one beat a period, and none for those before it."""
    beats = Beats(beats_alone=False)

    def often() -> None:
        for _ in range(1_000):
            beats.heart.show_life()

    assert await beats.run(nothing, often, nothing, beats.heart.show_life, nothing) == 2
