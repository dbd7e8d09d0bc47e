"""A page that is run word for word: whatever it types, and whatever it shows of that."""

import shutil
from pathlib import Path

import pytest

from tests.fakes.guide import Guide
from tests.fakes.playground import Up, playground, run_script
from tests.fakes.shown_output import differences

NEEDS_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl")


def require_true(page: str, folder: Path) -> None:
    """Run a page beside a playground of its own, and hold it to its word."""
    with playground() as up:
        require_true_at(up, page, folder)


def require_true_at(up: Up, page: str, folder: Path, before: str = "") -> None:
    """Run a page beside a playground; ``before`` is what its shell is told first."""
    turns = Guide(page).turns

    done = run_script(before + script_of([turn.runs for turn in turns]), up, folder)

    files = [folder / f"printed-{number}" for number in range(len(turns))]
    printed = [file.read_text() if file.exists() else "not run\n" for file in files]
    wrong = [differences(turn.shows, text) for turn, text in zip(turns, printed, strict=True)]
    assert done.returncode == 0, (done.stderr, printed)
    assert not any(wrong), "\n\n".join(each for each in wrong if each)


def script_of(blocks: list[str]) -> str:
    """Run the blocks in one shell, up to the first failure; each prints to a file of its own."""
    parts = [f"{{\n{text}}} > printed-{number} 2>&1\n" for number, text in enumerate(blocks)]
    return "set -euo pipefail\n" + "".join(parts)
