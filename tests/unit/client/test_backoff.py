import pytest

from broker.client.backoff import Backoff


def test_the_bound_doubles_up_to_the_cap_and_begins_again() -> None:
    """Each delay is at most twice the last bound, never beyond the cap; success starts over."""
    backoff = Backoff(first_seconds=1, cap_seconds=5, random=lambda: 1.0)

    assert [backoff.next_seconds() for _ in range(5)] == [1, 2, 4, 5, 5]
    backoff.reset()
    assert backoff.next_seconds() == 1


@pytest.mark.parametrize("part", [0.0, 0.25, 0.999])
def test_a_delay_is_a_random_part_of_the_bound(part: float) -> None:
    """From nothing up to the bound, so that a herd spreads out."""
    backoff = Backoff(first_seconds=8, cap_seconds=8, random=lambda: part)

    assert backoff.next_seconds() == 8 * part


def test_delays_differ_by_default() -> None:
    """Nobody has to think of the jitter."""
    backoff = Backoff(first_seconds=1, cap_seconds=1)

    assert len({backoff.next_seconds() for _ in range(20)}) > 1
