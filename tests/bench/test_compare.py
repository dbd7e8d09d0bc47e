"""Ratios are taken round by round, and only issuing is held to a share."""

import io

import pytest
from rich.console import Console

from tests.bench import report
from tests.bench.__main__ import WIDTH, Desk, _parser, _scope, _verdict
from tests.bench.compare import Result, Scope
from tests.bench.meter import Sample


def sample(per_second: float, server_us: float = 100) -> Sample:
    """One run."""
    return Sample(
        answered=1_000,
        per_second=per_second,
        p50_ms=1.5,
        p99_ms=9.5,
        server_us=server_us,
        redis_us=40,
        load_us=20,
    )


def result(verb: str = "issue", rates: tuple[float, ...] = (45, 60, 30)) -> Result:
    """Three rounds beside a floor that gets slower and slower."""
    floors = [sample(100), sample(80), sample(50)]
    return Result(verb, 1, 32, [sample(rate, 250) for rate in rates], floors)


def test_a_ratio_compares_what_was_measured_at_the_same_time() -> None:
    """The median of the ratios, not the ratio of the medians."""
    measured = result()

    assert measured.ratios(lambda one: one.per_second) == [0.45, 0.75, 0.6]
    assert measured.ratio == 0.6


@pytest.mark.parametrize(("required", "code"), [(0.6, 0), (0.61, 1), (0.0, 0)])
def test_issuing_is_held_to_its_share(
    required: float, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What falls short is named, with both numbers."""
    found = _verdict([result(), result("complete", (1, 1, 1))], required, Desk(is_json=False))

    assert found == code
    assert ("reaches 0.60 of the floor, 0.61 is required" in capsys.readouterr().err) == bool(code)


def scope(*arguments: str) -> Scope:
    """Read a command line."""
    return _scope(_parser().parse_args(arguments))


def test_the_table_shows_medians_and_the_spread_of_the_ratios() -> None:
    """Within the width that output without a terminal gets."""
    text = io.StringIO()

    report.show(Console(file=text, width=WIDTH), [result("introspect")], scope())

    lines = text.getvalue().splitlines()
    [product] = [line for line in lines if "│ product │" in line]
    [floor] = [line for line in lines if "│ floor   │" in line]
    assert [cell.strip() for cell in product.strip("│").split("│")] == [
        *("introspect", "1", "32", "product", "45", "1.5", "9.5", "250", "40"),
        *("0.60 (0.45, 0.75)", "2.5x"),
    ]
    assert "80" in floor
    assert max(map(len, lines)) <= WIDTH


def test_completing_gets_tasks_enough_for_every_run() -> None:
    """Each task can be completed once; without that verb none are opened for it."""
    everything = scope("--tasks", "400", "--rounds", "3", "--connections", "32", "8")

    assert (everything.complete_each, everything.to_complete) == (100, 600)
    assert scope("--verbs", "issue").to_complete == 0


def test_strangers_are_callers_that_never_come_back() -> None:
    """However many callers there would be."""
    assert (scope().callers, scope("--strangers", "--callers", "9").callers) == (64, 0)
