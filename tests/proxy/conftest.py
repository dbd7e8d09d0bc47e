"""A lab around one proxy for each test; opening one takes a few hundredths of a second."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.proxy_lab import Lab, opened


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """Only what is declared may be reached."""
    async with opened(tmp_path) as lab:
        yield lab


@pytest.fixture
async def open_lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """What is not declared may be reached, without a credential."""
    async with opened(tmp_path, only_declared=False) as lab:
        yield lab
