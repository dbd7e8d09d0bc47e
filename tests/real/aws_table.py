"""The table of ``docs/targets.md`` that says which peer showed what; tests hold it to the truth."""

from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "targets.md"
HEADING: Final = "| behaviour |"
MARKS: Final = {"yes": True, "no": False, "—": None}
"""The last: it has no such call, or refuses it whole."""


def peers(page: Path = PAGE) -> list[str]:
    """Return the peers of the table, in lower case, from left to right."""
    return [name.split()[0].lower() for name in _cells(_lines(page)[0])[1:]]


def rows(page: Path = PAGE) -> dict[str, dict[str, str]]:
    """Return, for each behaviour, what the table says of each peer."""
    names = peers(page)
    lines = [_cells(line) for line in _lines(page)[2:]]
    return {first: dict(zip(names, marks, strict=True)) for first, *marks in lines}


def _lines(page: Path) -> list[str]:
    lines = page.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(HEADING))
    after = next(i for i, line in enumerate([*lines, ""]) if i > first and not line.startswith("|"))
    return lines[first:after]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
