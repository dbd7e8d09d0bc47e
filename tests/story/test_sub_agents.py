"""The page about sub-agents, run word for word against `broker dev`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.guide import Guide
from tests.fakes.playground import Up, playground, run_script
from tests.fakes.shown_output import differences
from tests.story.test_because_of_a_ticket import script_of

PAGE = "sub-agents.md"


@pytest.fixture
def up() -> Iterator[Up]:
    """A playground that nobody has changed anything of."""
    with playground() as found:
        yield found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl")
def test_three_levels_down_nobody_widens_and_a_branch_is_cut(up: Up, tmp_path: Path) -> None:
    """Handed on, refused in every dimension, explained, decided by the tool, cut in the middle."""
    turns = Guide(PAGE).turns

    done = run_script(script_of([turn.runs for turn in turns]), up, tmp_path)

    files = [tmp_path / f"printed-{number}" for number in range(len(turns))]
    printed = [file.read_text() if file.exists() else "not run\n" for file in files]
    wrong = [differences(turn.shows, text) for turn, text in zip(turns, printed, strict=True)]
    assert done.returncode == 0, (done.stderr, printed)
    assert not any(wrong), "\n\n".join(each for each in wrong if each)
