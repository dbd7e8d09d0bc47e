"""The page about emergencies, run word for word; its brokers are killed in the middle."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(900)
@NEEDS_CURL
def test_an_emergency_is_told_ends_without_us_and_is_answered_for(tmp_path: Path) -> None:
    """Nothing opens unheard; it ends with every broker dead; the review blocks until given."""
    require_true("break-glass.md", tmp_path)
