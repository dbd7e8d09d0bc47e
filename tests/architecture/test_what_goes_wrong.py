"""Every line of the table of bad input in docs/run.md names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "run.md"
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<test>test_\w+)`")
PLACES = ("", "tests/e2e/", "tests/proxy/")


def lines() -> list[str]:
    """Return the lines of the tables of that part of the page."""
    part = PAGE.read_text(encoding="utf-8").split("## What goes wrong")[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith("| what |")]


def is_there(file: str, test: str) -> bool:
    """Tell whether a test is in a file: by its path, or in one of the folders that are named."""
    found = [path for place in PLACES if (path := ROOT / place / file).is_file()]
    return any(f"def {test}(" in path.read_text(encoding="utf-8") for path in found)


def test_each_line_names_a_test_that_is_there() -> None:
    """A line without one is a promise that nothing keeps."""
    without = [line for line in lines() if not NAMED.search(line) and "| the same |" not in line]
    gone = [
        found.group()
        for line in lines()
        for found in NAMED.finditer(line)
        if not is_there(**found.groupdict())
    ]

    assert len(lines()) > 30
    assert (without, gone) == ([], [])
