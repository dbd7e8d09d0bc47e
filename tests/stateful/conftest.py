"""The rules are no test files, but what they assert should be explained all the same."""

from pathlib import Path

import pytest

for path in Path(__file__).parent.glob("*_rules.py"):
    pytest.register_assert_rewrite(f"tests.stateful.{path.stem}")
pytest.register_assert_rewrite("tests.stateful.base", "tests.stateful.machine")
