"""The page about reviews, run word for word against `broker dev`."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(900)
@NEEDS_CURL
def test_a_review_narrows_and_replay_foretold_it(tmp_path: Path) -> None:
    """Granted, used, never used; foreseen, narrowed, refused, dead; and shown for good."""
    require_true("reviews.md", tmp_path)
