"""The unit tests mirror the source: whoever changes a file knows where its tests are."""

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "tests" / "unit"

ELSEWHERE: Final = {
    "targets/test_aws_targets.py": "the file of targets, with those of one kind in it",
}
"""Tests of what several files do together, and why they stand here all the same."""


def sources(folder: Path) -> set[str]:
    """Name what a folder of unit tests can be about."""
    packages = [ROOT / "broker" / folder, ROOT / folder, ROOT / "backends"]
    return {file.stem for package in packages for file in package.glob("*.py")}


@pytest.mark.parametrize("file", sorted(str(f.relative_to(UNIT)) for f in UNIT.rglob("test_*.py")))
def test_a_file_of_unit_tests_is_called_after_what_it_tests(file: str) -> None:
    """``test_<source>.py``, or ``test_<source>_<what of it>.py``, in the folder of the source."""
    path = Path(file)
    about = path.stem.removeprefix("test_")
    known = sources(path.parent)

    is_named = any(about == name or about.startswith(f"{name}_") for name in known)

    assert is_named != (file in ELSEWHERE), (
        f"{file} mirrors no source file, or no longer stands apart"
    )
