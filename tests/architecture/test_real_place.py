"""Tests that need real servers lie where `make test-real` looks for them."""

import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
_MARKED: Final = re.compile(r"\bmark\.real\b")


def test_only_one_folder_has_tests_that_need_real_servers() -> None:
    """It is all that is collected for them: thousands of others need not be."""
    marked = {
        path.relative_to(TESTS).parts[0]
        for path in TESTS.rglob("*.py")
        if path != Path(__file__) and _MARKED.search(path.read_text("utf-8"))
    }

    assert marked == {"real"}
