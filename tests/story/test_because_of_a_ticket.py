"""The page about access because of a ticket, run word for word against `broker dev`."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(900)
@NEEDS_CURL
def test_the_page_does_and_prints_what_it_says(tmp_path: Path) -> None:
    """Granted, foreseen, refused, dead, and why: each as it is shown there."""
    require_true("because-of-a-ticket.md", tmp_path)
