"""The code keeps its shape: small functions, small files, nothing of the machine it was made on."""

import ast
import functools
import re
import statistics
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

LONGEST_FUNCTION: Final = 45
LONGEST_SOURCE: Final = 350
LONGEST_TEST: Final = 450
MEDIAN_FUNCTION: Final = 10

PACKAGE_INDEX: Final = re.compile(
    r"(?i)pythonhosted\.org|pypi\.org/simple|https?://\S*/simple\b"
    r"|--(extra-)?index-url|--trusted-host|--find-links"
)
MACHINE_PATH: Final = re.compile(r"(?<![\w.~}-])/(root|home|Users|work|mnt)/[\w.]")
HALF_MERGED: Final = re.compile(r"^(<{7}|>{7})( |$)")


def ignored() -> list[str]:
    """Return the patterns of what is never committed; they are plain names and globs."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return [".git", *(line.strip("/") for line in lines if line and not line.startswith("#"))]


@functools.cache
def committed() -> list[Path]:
    """Return every file of the checkout, whether git is at hand or not."""
    patterns = ignored()

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if any(fnmatch(path.name, pattern) for pattern in patterns):
                continue
            if path.is_dir():
                yield from walk(path)
            else:
                yield path

    return list(walk(ROOT))


def name_of(path: Path) -> str:
    """Return how a file is named here."""
    return path.relative_to(ROOT).as_posix()


def written_in_python() -> list[Path]:
    """Return what these rules are about."""
    return [path for path in committed() if path.suffix == ".py"]


def lines_of(path: Path) -> list[str]:
    """Return a file's lines, whatever bytes are in it."""
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function's place and its number of lines, from ``def`` to its end."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{name_of(path)}:{node.lineno} {node.name}", length


def bound_of(name: str) -> int:
    """Return how many lines a file may have."""
    return LONGEST_TEST if name.startswith("tests/") else LONGEST_SOURCE


def test_every_function_fits_on_a_screen() -> None:
    """A longer one has more than one idea in it."""
    long = [
        f"{place}: {length} lines"
        for path in written_in_python()
        for place, length in functions_of(path)
        if length > LONGEST_FUNCTION
    ]

    assert long == []


@pytest.mark.parametrize("parts", [("broker/", "backends/"), ("tests/",)])
def test_the_usual_function_is_small(parts: tuple[str, ...]) -> None:
    """Half of them have ten lines or fewer."""
    lengths = [
        length
        for path in written_in_python()
        if name_of(path).startswith(parts)
        for _, length in functions_of(path)
    ]

    assert statistics.median(lengths) <= MEDIAN_FUNCTION


def test_every_file_has_one_idea() -> None:
    """Its length tells."""
    long = {
        name_of(path): len(lines_of(path))
        for path in written_in_python()
        if len(lines_of(path)) > bound_of(name_of(path))
    }

    assert long == {}


def test_decisions_are_numbered_without_gap_or_double() -> None:
    """A number names one decision for ever."""
    numbers = [int(path.name[:4]) for path in (ROOT / "docs" / "adr").glob("*.md")]

    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    ("pattern", "whose"),
    [
        (PACKAGE_INDEX, "address of a package index"),
        (MACHINE_PATH, "path of one machine"),
        (HALF_MERGED, "mark of a merge"),
    ],
)
def test_nothing_is_committed_that_is_of_one_machine_only(
    pattern: re.Pattern[str], whose: str
) -> None:
    """A clone works wherever it is, with whatever index its owner configured."""
    here = name_of(Path(__file__))
    found = [
        f"{name_of(path)}:{number}: {whose}: {line.strip()[:80]}"
        for path in committed()
        if name_of(path) != here
        for number, line in enumerate(lines_of(path), 1)
        if pattern.search(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (PACKAGE_INDEX, "--index-url https://packages.example/mirror/+simple/"),
        (PACKAGE_INDEX, "url = https://packages.example/simple"),
        (MACHINE_PATH, f"DIR = {Path('/', 'home', 'somebody', 'checkout')}"),
        (MACHINE_PATH, f"see {Path('/', 'root', '.cache', 'x')}"),
        (HALF_MERGED, "<" * 7 + " HEAD"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], line: str) -> None:
    """They would go unnoticed if they found nothing."""
    assert pattern.search(line)
