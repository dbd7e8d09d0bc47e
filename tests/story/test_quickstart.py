"""The first page of all, run word for word against `broker dev`."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(900)
@NEEDS_CURL
def test_a_first_agent_s_credential_is_alive_and_then_dead(tmp_path: Path) -> None:
    """Registered, asked about, granted, refused more, used, and refused once its task is done."""
    require_true("quickstart.md", tmp_path)
