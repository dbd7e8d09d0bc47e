"""Showing what was measured."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from tests.bench.compare import Result, Scope
from tests.bench.meter import Sample


def show(console: Console, results: Sequence[Result], scope: Scope) -> None:
    """Print one table."""
    table = Table(title=_title(scope), caption=_caption(scope), caption_justify="left")
    for name in ("verb", "workers", "conns", "side"):
        table.add_column(name)
    for name in ("req/s", "p50 ms", "p99 ms", "server µs", "Redis µs", "of the floor", "CPU"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        _add(table, result)
    console.print(table)


def _title(scope: Scope) -> str:
    callers = f"{scope.callers} callers" if scope.callers else "a caller of its own for each task"
    rounds = f"{scope.rounds} rounds of {scope.seconds:g} s in turns"
    return f"The broker beside its physical floor: {rounds}, {callers}"


def _caption(scope: Scope) -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{python}, {scope.loop}, {scope.alg}, {os.cpu_count()} CPUs for everything. "
        "µs: CPU time for a request, with what it leaves to be done later. "
        "Of the floor, CPU: the product's requests per second and its server's CPU time over the "
        "floor's, median of the rounds (least, most)."
    )


def _add(table: Table, result: Result) -> None:
    place = (result.verb, str(result.workers), str(result.connections))
    rate = spread(result.ratios(lambda sample: sample.per_second))
    cpu = f"{statistics.median(result.ratios(lambda sample: sample.server_us)):.1f}x"
    table.add_row(*place, "product", *_figures(result.product), f"[bold]{rate}[/]", cpu)
    table.add_row("", "", "", "floor", *_figures(result.floor), "", "", end_section=True)


def _figures(samples: Sequence[Sample]) -> list[str]:
    def median(of: Callable[[Sample], float]) -> float:
        return statistics.median(map(of, samples))

    return [
        f"{median(lambda sample: sample.per_second):,.0f}",
        f"{median(lambda sample: sample.p50_ms):.1f}",
        f"{median(lambda sample: sample.p99_ms):.1f}",
        f"{median(lambda sample: sample.server_us):.0f}",
        f"{median(lambda sample: sample.redis_us):.0f}",
    ]


def spread(ratios: Sequence[float]) -> str:
    """Write the median with the least and the most."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})"
