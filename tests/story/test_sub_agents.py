"""The page about sub-agents, run word for word against `broker dev`."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(900)
@NEEDS_CURL
def test_three_levels_down_nobody_widens_and_a_branch_is_cut(tmp_path: Path) -> None:
    """Handed on, refused in every dimension, explained, decided by the tool, cut in the middle."""
    require_true("sub-agents.md", tmp_path)
