"""The page about runs, run word for word against `broker dev`."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(900)
@NEEDS_CURL
def test_a_command_has_what_it_needs_and_nothing_lives_longer(tmp_path: Path) -> None:
    """An old script clean, proxied, a tool; the desk; refused, killed, taken away."""
    require_true("run.md", tmp_path)
