"""The page about access because of a ticket, run word for word against `broker dev`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.guide import Guide
from tests.fakes.playground import Up, playground, run_script
from tests.fakes.shown_output import differences

PAGE = "because-of-a-ticket.md"


@pytest.fixture
def up() -> Iterator[Up]:
    """A playground that nobody has changed anything of."""
    with playground() as found:
        yield found


def script_of(blocks: list[str]) -> str:
    """Run the blocks in one shell, up to the first failure; each prints to a file of its own."""
    parts = [f"{{\n{text}}} > printed-{number} 2>&1\n" for number, text in enumerate(blocks)]
    return "set -euo pipefail\n" + "".join(parts)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl")
def test_the_page_does_and_prints_what_it_says(up: Up, tmp_path: Path) -> None:
    """Granted, foreseen, refused, dead, and why: each as it is shown there."""
    turns = Guide(PAGE).turns

    done = run_script(script_of([turn.runs for turn in turns]), up, tmp_path)

    files = [tmp_path / f"printed-{number}" for number in range(len(turns))]
    printed = [file.read_text() if file.exists() else "not run\n" for file in files]
    wrong = [differences(turn.shows, text) for turn, text in zip(turns, printed, strict=True)]
    assert done.returncode == 0, done.stderr
    assert not any(wrong), "\n\n".join(each for each in wrong if each)
