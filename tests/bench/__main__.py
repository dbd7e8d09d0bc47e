"""``python -m tests.bench``: run a benchmark and print what came of it."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from broker.dev.processes import ProcessFailedError
from broker.errors import ConfigurationError
from tests.bench import report
from tests.bench.compare import VERBS, Result, Scope, compare
from tests.bench.loops import LOOPS
from tests.bench.meter import BenchFailedError
from tests.bench.workload import Habits

WIDTH: Final = 112
"""Columns of a terminal that the table needs; where the output is no terminal it is this wide."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when everything could be measured and was as it must be."""
    console, progress = _console(), Console(stderr=True)
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_until_told(options.run(options, console, progress)))
    except (BenchFailedError, ProcessFailedError, ConfigurationError) as error:
        progress.print(f"bench: {error}", markup=False, highlight=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


async def _until_told(work: Coroutine[object, object, int]) -> int:
    """Run, and let SIGTERM end it as Ctrl-C does: with everything stopped."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _compare(options: argparse.Namespace, console: Console, progress: Console) -> int:
    scope = _scope(options)
    results = await compare(scope, lambda text: progress.print(text, style="dim"))
    if options.json:
        console.print_json(msgspec.json.encode(results).decode())
    else:
        report.show(console, results, scope)
    return _verdict(results, options.require, progress)


def _verdict(results: Sequence[Result], required: float, progress: Console) -> int:
    """Hold issuing to a share of the floor, if one is required."""
    poor = [result for result in results if result.verb == "issue" and result.ratio < required]
    for result in poor:
        progress.print(
            f"issuing with {result.workers} worker(s) at {result.connections} connections reaches "
            f"{result.ratio:.2f} of the floor, {required:.2f} is required"
        )
    return 1 if poor else 0


def _scope(options: argparse.Namespace) -> Scope:
    quick = options.quick
    return Scope(
        workers=tuple(options.workers),
        connections=tuple(options.connections or ((32,) if quick else (32, 8))),
        verbs=tuple(options.verbs),
        seconds=options.seconds or (1.0 if quick else 3.0),
        rounds=options.rounds or 3,
        tasks=options.tasks or (2_400 if quick else 9_000),
        habits=Habits(0 if options.strangers else options.callers, options.familiar),
        loop=options.loop,
        alg=options.alg,
        profile=options.profile,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.set_defaults(run=_compare)
    _add_comparison(parser)
    return parser


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="one size, short runs")
    parser.add_argument("--json", action="store_true", help="print every sample as JSON")
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=VERBS)
    parser.add_argument("--workers", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--connections", nargs="+", type=int)
    parser.add_argument("--seconds", type=float, help="of one run")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--tasks", type=int, help="opened beforehand")
    parser.add_argument("--callers", type=int, default=64, help="instances that take turns")
    parser.add_argument("--strangers", action="store_true", help="every caller is seen once only")
    parser.add_argument("--familiar", action="store_true", help="policy is asked the same again")
    parser.add_argument("--loop", choices=LOOPS, default="asyncio")
    parser.add_argument("--alg", choices=("EdDSA", "ES256"), default="EdDSA")
    parser.add_argument(
        "--profile", type=Path, help="have the first broker write what took its time (it is slower)"
    )
    parser.add_argument("--require", type=float, default=0.0, help="fail below this share")


if __name__ == "__main__":
    sys.exit(main())
