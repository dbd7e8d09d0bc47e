"""The page about delegation by people, run word for word against `broker dev`."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(900)
@NEEDS_CURL
def test_what_is_done_in_her_name_dies_when_she_leaves(tmp_path: Path) -> None:
    """Alive, foreseen, dead with the reason, refused with the reason; and it stays so."""
    require_true("delegation.md", tmp_path)
