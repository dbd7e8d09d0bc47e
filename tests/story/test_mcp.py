"""The page about MCP, run word for word against `broker dev`."""

from pathlib import Path

import pytest

from tests.fakes.page_run import NEEDS_CURL, require_true


@pytest.mark.slow
@pytest.mark.timeout(600)
@NEEDS_CURL
def test_an_agent_asks_by_mcp_and_each_tool_has_its_own(tmp_path: Path) -> None:
    """By the official SDK; what was given is used, and dead when the server has ended."""
    require_true("mcp.md", tmp_path)
