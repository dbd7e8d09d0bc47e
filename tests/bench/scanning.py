"""``python -m tests.bench scan``: how much of what was planted is found, and how much else.

The corpus is made anew each time, always the same; ``docs/scan.md`` has the table that this prints,
and a test holds both to each other.
"""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from broker.scanning.engine import open_engine
from broker.scanning.finding import Finding
from broker.scanning.scan import Order, Scan
from tests.bench.scan_corpus import Case, cases


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of one group, or of all."""

    group: str
    planted: int
    found: int
    harmless: int
    wrong: int

    @property
    def recall(self) -> float:
        """Return which part of what was planted was found."""
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        """Return which part of what was found had been planted."""
        said = self.found + self.wrong
        return self.found / said if said else 1.0


def measure(say: Callable[[str], None]) -> list[Figures]:
    """Write the corpus, look through it, and compare: group by group, and all together last."""
    corpus = list(cases())
    with tempfile.TemporaryDirectory(prefix="broker-scan-corpus-") as folder:
        for case in corpus:
            file = Path(folder) / case.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(case.text)
        say(f"{len(corpus)} files are written")
        found = {finding.path for finding in _scanned(Path(folder))}
    groups = dict.fromkeys(case.group for case in corpus)
    figures = [_figures(group, [c for c in corpus if c.group == group], found) for group in groups]
    return [*figures, _figures("all", corpus, found)]


def _scanned(folder: Path) -> list[Finding]:
    scan = Scan(open_engine(), Order(roots=(folder,)))
    return list(scan.findings())


def _figures(group: str, corpus: list[Case], found: set[str]) -> Figures:
    count = Counter((case.is_secret, case.path in found) for case in corpus)
    return Figures(
        group=group,
        planted=count[True, True] + count[True, False],
        found=count[True, True],
        harmless=count[False, True] + count[False, False],
        wrong=count[False, True],
    )


def rows(figures: list[Figures]) -> list[tuple[str, ...]]:
    """Write the table, as the page has it."""
    return [
        (
            each.group,
            f"{each.found} of {each.planted}" if each.planted else "",
            f"{each.recall:.1%}" if each.planted else "",
            f"{each.wrong} of {each.harmless}" if each.harmless else "",
            f"{each.precision:.1%}" if each.group == "all" else "",
        )
        for each in figures
    ]


COLUMNS = ("group", "planted, found", "recall", "harmless, found", "precision")


def show(console: Console, figures: list[Figures]) -> None:
    """Print the table."""
    table = Table(*COLUMNS)
    for row in rows(figures):
        table.add_row(*row)
    console.print(table)
