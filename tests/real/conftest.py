"""How tests get real parts: skipped without, or failed where nothing may be missing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.fetch import CI, must_have
from tests.real.parts import Shelf


@pytest.fixture(scope="session")
def part() -> Callable[[str], Path]:
    """Find a part by its name in ``parts.toml``; ``make test-real`` has fetched it before."""
    shelf = Shelf()

    def find(name: str) -> Path:
        declared = shelf.parts[name]
        found = shelf.find(declared)
        if found is not None:
            return found
        why = f"{name} is not there: python -m tests.real.fetch {name} (needs {declared.needs})"
        if must_have(declared):
            pytest.fail(f"{why}; with {CI}=1 it must be", pytrace=False)
        pytest.skip(why)

    return find
