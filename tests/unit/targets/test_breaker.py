"""A target that does not answer is left alone for a while, then tried by one."""

from broker.targets.breaker import Breaker
from tests.fakes.clock import FakeClock


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    """An answer in between begins the count anew."""
    breaker = Breaker(FakeClock(), failures=2, rest_ms=1_000)

    breaker.unanswered()
    breaker.answered()
    breaker.unanswered()
    assert breaker.admit()
    breaker.unanswered()

    assert breaker.is_open
    assert not breaker.admit()


def test_after_its_rest_one_call_tries() -> None:
    """The next has to wait for what comes of it, or for another rest."""
    clock = FakeClock()
    breaker = Breaker(clock, failures=1, rest_ms=1_000)
    breaker.unanswered()

    clock.advance(1_000)

    assert [breaker.admit(), breaker.admit()] == [True, False]
    clock.advance(1_000)
    assert breaker.admit()
    breaker.answered()
    assert [breaker.admit(), breaker.admit()] == [True, True]
