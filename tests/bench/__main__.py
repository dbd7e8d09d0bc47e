"""``python -m tests.bench``: run a benchmark and print what came of it.

Without a command it compares the broker with its physical floor. ``tree`` closes a tree with a
hundred thousand leases, ``fanout`` measures how soon subscribers of the feed are told, ``freezing``
how soon a task is frozen that a detector finds odd, ``scan`` how much of what was planted is found,
``repository`` what it costs to look through a gigabyte of files and history.
"""

import argparse
import asyncio
import math
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from broker.dev.processes import ProcessFailedError
from broker.errors import ConfigurationError
from tests.bench import fanout, freezing, report, repository, scanning, tree
from tests.bench.compare import VERBS, Result, Scope, compare
from tests.bench.loops import LOOPS
from tests.bench.meter import BenchFailedError

WIDTH: Final = 120
"""Columns of a terminal that the table needs; where the output is no terminal it is this wide."""


class Desk:
    """Where results go, and where progress is told."""

    def __init__(self, *, is_json: bool) -> None:
        console = Console()
        self._console = console if console.is_terminal else Console(width=WIDTH)
        self._progress = Console(stderr=True)
        self._is_json = is_json

    def say(self, text: str) -> None:
        """Tell how it goes."""
        self._progress.print(text, style="dim", markup=False, highlight=False, soft_wrap=True)

    def show(self, value: object, table: Callable[[Console], None]) -> None:
        """Show a result."""
        if self._is_json:
            self._console.print_json(msgspec.json.encode(value).decode())
        else:
            table(self._console)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when everything could be measured and was as it must be."""
    options = _parser().parse_args(arguments)
    desk = Desk(is_json=options.json)
    try:
        return asyncio.run(_until_told(options.run(options, desk)))
    except (BenchFailedError, ProcessFailedError, ConfigurationError) as error:
        desk.say(f"bench: {error}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


async def _until_told(work: Coroutine[object, object, int]) -> int:
    """Run, and let SIGTERM end it as Ctrl-C does: with everything stopped."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _compare(options: argparse.Namespace, desk: Desk) -> int:
    scope = _scope(options)
    results = await compare(scope, desk.say)
    desk.show(results, lambda console: report.show(console, results, scope))
    return _verdict(results, options.require, desk)


def _verdict(results: Sequence[Result], required: float, desk: Desk) -> int:
    """Hold issuing to a share of the floor, if one is required."""
    poor = [result for result in results if result.verb == "issue" and result.ratio < required]
    for result in poor:
        desk.say(
            f"issuing with {result.workers} worker(s) at {result.connections} connections reaches "
            f"{result.ratio:.2f} of the floor, {required:.2f} is required"
        )
    return 1 if poor else 0


async def _tree(options: argparse.Namespace, desk: Desk) -> int:
    leases = options.leases or (10_000 if options.quick else 100_000)
    felled = await tree.fell(leases, options.loop, desk.say, is_preferred=options.redis_first)
    desk.show(felled, lambda console: tree.show(console, felled))
    if felled.longest_ms <= options.at_most:
        return 0
    desk.say(f"{felled.slow[0].what} held Redis for {felled.longest_ms:.1f} ms")
    return 1


async def _fan_out(options: argparse.Namespace, desk: Desk) -> int:
    audience = fanout.Audience(
        subscribers=options.subscribers,
        revocations=options.revocations or (60 if options.quick else 400),
        per_second=options.per_second,
        loop=options.loop,
    )
    lateness = await fanout.fan_out(audience, desk.say)
    desk.show(lateness, lambda console: fanout.show(console, lateness))
    return 0


async def _scan(options: argparse.Namespace, desk: Desk) -> int:
    """Compare what is found with what was planted; poor figures end with 1."""
    figures = scanning.measure(desk.say)
    desk.show(figures, lambda console: scanning.show(console, figures))
    whole = figures[-1]
    return 1 if whole.recall < options.recall or whole.precision < options.precision else 0


async def _repository(options: argparse.Namespace, desk: Desk) -> int:
    """Look through a large repository; a secret that is missed ends with 1."""
    outcome = repository.measure(options.mib or (64 if options.quick else 1024), desk.say)
    desk.show(outcome, lambda console: repository.show(console, outcome))
    return 0 if outcome.found == outcome.planted else 1


async def _freezing(options: argparse.Namespace, desk: Desk) -> int:
    bursts = freezing.Bursts(options.rounds or (3 if options.quick else 20), options.loop)
    delay = await freezing.freeze(bursts, desk.say)
    desk.show(delay, lambda console: freezing.show(console, delay))
    if delay.max_ms <= options.at_most:
        return 0
    desk.say(f"one took {delay.max_ms:.0f} ms")
    return 1


def _scope(options: argparse.Namespace) -> Scope:
    quick = options.quick
    return Scope(
        workers=tuple(options.workers),
        connections=tuple(options.connections or ((32,) if quick else (32, 8))),
        verbs=tuple(options.verbs),
        seconds=options.seconds or (1.0 if quick else 3.0),
        rounds=options.rounds or 3,
        tasks=options.tasks or (2_000 if quick else 6_000),
        callers=0 if options.strangers else options.callers,
        loop=options.loop,
        alg=options.alg,
        profile=options.profile,
    )


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--quick", action="store_true", help="small and short")
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--loop", choices=LOOPS, default="asyncio")
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_compare)
    _add_comparison(parser)
    commands = parser.add_subparsers(title="commands", metavar="")
    _add_tree(commands.add_parser("tree", parents=[common], help="close a large tree"))
    _add_fanout(commands.add_parser("fanout", parents=[common], help="revoke before an audience"))
    _add_scan(commands.add_parser("scan", parents=[common], help="find planted secrets"))
    _add_repository(commands.add_parser("repository", parents=[common], help="scan a gigabyte"))
    _add_freezing(commands.add_parser("freezing", parents=[common], help="bursts of refusals"))
    return parser


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=VERBS)
    parser.add_argument("--workers", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--connections", nargs="+", type=int)
    parser.add_argument("--seconds", type=float, help="of one run")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--tasks", type=int, help="that credentials are issued for")
    parser.add_argument("--callers", type=int, default=64, help="instances that take turns")
    parser.add_argument("--strangers", action="store_true", help="every caller is seen once only")
    parser.add_argument("--alg", choices=("EdDSA", "ES256"), default="EdDSA")
    parser.add_argument("--require", type=float, default=0.0, help="fail below this share")
    parser.add_argument(
        "--profile", type=Path, help="have the first broker write what took its time (it is slower)"
    )


def _add_tree(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_tree)
    parser.add_argument("--leases", type=int)
    parser.add_argument("--at-most", type=float, default=math.inf, help="milliseconds, or fail")
    parser.add_argument(
        "--redis-first",
        action="store_true",
        help="no ordinary process takes a CPU from Redis (root only): its commands are measured, "
        "not the machine",
    )


def _add_scan(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_scan)
    parser.add_argument("--recall", type=float, default=0.0, help="fail below this share")
    parser.add_argument("--precision", type=float, default=0.0, help="fail below this share")


def _add_repository(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_repository)
    parser.add_argument("--mib", type=int, help="files and versions together. Default 1024")


def _add_fanout(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_fan_out)
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--revocations", type=int)
    parser.add_argument("--per-second", type=float, default=20.0)


def _add_freezing(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_freezing)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--at-most", type=float, default=math.inf, help="milliseconds, or fail")


if __name__ == "__main__":
    sys.exit(main())
