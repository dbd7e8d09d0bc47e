"""One broker process, as ``broker serve`` runs it, with a choice of event loop and a profiler."""

import argparse
import cProfile
import pstats
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker import serving
from broker.settings.load import load_document
from broker.settings.settings import Settings
from tests.bench.loops import LOOPS, run

_ROWS: Final = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="tests.bench.product", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--loop", choices=LOOPS, default="asyncio")
    parser.add_argument("--profile", type=Path, help="where to write what took the time")
    options = parser.parse_args(arguments)
    settings = load_document(options.config, Settings)
    with _profiled(options.profile):
        return run(serving.serve(settings), options.loop)


@contextmanager
def _profiled(file: Path | None) -> Iterator[None]:
    if file is None:
        yield
        return
    with cProfile.Profile() as profile:
        yield
    with file.open("w", encoding="utf-8") as text:
        stats = pstats.Stats(profile, stream=text)
        stats.sort_stats("tottime").print_stats(_ROWS)
        stats.sort_stats("cumulative").print_stats(_ROWS)
        stats.dump_stats(f"{file}.pstats")


if __name__ == "__main__":
    sys.exit(main())
