"""Rows of tests whose names are the same in every process, though what is in them is random."""

from collections.abc import Iterable

import pytest


def named(values: Iterable[object]) -> list[object]:
    """Return the values as parameters that are called by their place."""
    return [pytest.param(value, id=f"row-{place}") for place, value in enumerate(values)]
