"""Waits grow, within bounds."""

import pytest

from broker.notices.telling import wait_ms


@pytest.mark.parametrize(
    ("tries", "least", "most"), [(0, 500, 1_000), (1, 1_000, 2_000), (5, 16_000, 32_000)]
)
def test_each_wait_is_twice_as_long_and_half_of_it_is_chance(
    tries: int, least: int, most: int
) -> None:
    """So that what failed together does not come back together."""
    assert wait_ms(tries, 300_000, 0) == least
    assert wait_ms(tries, 300_000, 1) == most


def test_no_wait_is_longer_than_the_bound() -> None:
    """However often it has failed."""
    assert wait_ms(10_000, 300_000, 1) == 300_000
