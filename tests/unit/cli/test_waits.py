"""What a step of a rotation waits for, as it is told."""

import pytest

from broker.cli.waits import Waits
from broker.rotation_plan import Obstacle


class Bars:
    """Remembers how each bar stands."""

    def __init__(self) -> None:
        self.bars: dict[str, tuple[int, int | None]] = {}

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Move a bar."""
        self.bars[what] = (done, total)


def test_a_bar_fills_as_the_time_passes_and_ends_full(capsys: pytest.CaptureFixture[str]) -> None:
    """What is waited for is said once, not at every look."""
    bars = Bars()
    waits = Waits(bars)

    waits([Obstacle("k1: others may not have it before 12:00", 5_000, 10_000)])
    begin = dict(bars.bars)
    waits([Obstacle("k1: others may not have it before 12:00", 5_000, 3_500)])
    middle = dict(bars.bars)
    waits.over()

    assert begin == {"seconds for k1": (0, 10)}
    assert middle == {"seconds for k1": (6, 10)}
    assert bars.bars == {"seconds for k1": (10, 10)}
    assert capsys.readouterr().err.count("waiting: k1") == 1


def test_what_no_clock_ends_is_one_thing_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    """Its bar is full when it is gone, while others are still waited for."""
    bars = Bars()
    waits = Waits(bars)
    late = Obstacle("b1 serves manifest 1, not 2 yet")

    waits([late, Obstacle("b2 lacks the private half of k2")])
    waits([late])

    assert bars.bars == {"waiting for b1": (0, 1), "waiting for b2": (1, 1)}
    assert capsys.readouterr().out == ""


def test_a_silent_broker_is_one_thing_however_long_it_is_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its sentence has the seconds in it, and changes with each look."""
    waits = Waits(Bars())

    for seconds in (1, 2, 3):
        waits([Obstacle(f"b1 has been silent for {seconds} s", 9_000, 9_000 - seconds * 1000)])

    assert capsys.readouterr().err.splitlines() == ["waiting: b1 has been silent for 1 s"]
