"""The page about people who agree first, run word for word against `broker dev`."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(900)
@NEEDS_CURL
def test_one_refund_is_agreed_to_and_given_once(tmp_path: Path) -> None:
    """Asked, looked at, agreed to; nothing else is given for it, and it itself only once."""
    require_true("approvals.md", tmp_path)
