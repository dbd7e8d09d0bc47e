import pytest

from broker.client.freshness import Freshness
from tests.fakes.clock import FakeClock

LEDGER_MS = 1_790_000_000_000
"""The ledger's clock; it has nothing to do with this machine's."""


def test_there_is_no_age_before_the_first_complete_reading() -> None:
    """Hearing from the ledger is not the same as knowing everything up to then."""
    freshness = Freshness(FakeClock())
    assert freshness.age_ms() is None

    freshness.note(LEDGER_MS, is_complete=False)
    assert freshness.age_ms() is None

    freshness.note(LEDGER_MS, is_complete=True)
    assert freshness.age_ms() == 0


@pytest.mark.parametrize("offset_ms", [-86_400_000, -1, 0, 1, 86_400_000])
def test_a_constant_offset_of_the_clocks_does_not_matter(offset_ms: int) -> None:
    """A ledger that is a day ahead or behind gives the same ages."""
    clock = FakeClock()
    freshness = Freshness(clock)

    for _ in range(5):
        freshness.note(clock.now_ms() + offset_ms, is_complete=True)
        assert freshness.age_ms() == 0
        clock.advance(1_000)
        assert freshness.age_ms() == 1_000


def test_a_message_held_back_on_its_way_is_as_old_as_its_reading() -> None:
    """What arrives 700 ms later than it could have makes the view 700 ms old."""
    clock = FakeClock()
    freshness = Freshness(clock)
    freshness.note(LEDGER_MS, is_complete=True)

    clock.advance(1_700)
    freshness.note(LEDGER_MS + 1_000, is_complete=True)

    assert freshness.age_ms() == 700


def test_delay_that_builds_up_is_age() -> None:
    """A stream that falls 100 ms behind with each message is noticed."""
    clock = FakeClock()
    freshness = Freshness(clock)

    for step in range(50):
        freshness.note(LEDGER_MS + step * 1_000, is_complete=True)
        assert freshness.age_ms() == step * 100
        clock.advance(1_100)


def test_a_faster_message_corrects_the_clocks_difference() -> None:
    """The smallest difference seen is the one that counts from then on."""
    clock = FakeClock()
    freshness = Freshness(clock)
    freshness.note(LEDGER_MS, is_complete=True)  # took 300 ms, which nobody can know yet

    clock.advance(700)
    freshness.note(LEDGER_MS + 1_000, is_complete=True)
    assert freshness.age_ms() == 0

    clock.advance(1_300)
    freshness.note(LEDGER_MS + 2_000, is_complete=True)
    assert freshness.age_ms() == 300


def test_an_old_reading_does_not_make_the_view_older() -> None:
    """A repeated message changes nothing."""
    clock = FakeClock()
    freshness = Freshness(clock)
    freshness.note(LEDGER_MS, is_complete=True)
    clock.advance(500)
    freshness.note(LEDGER_MS + 500, is_complete=True)

    freshness.note(LEDGER_MS, is_complete=True)

    assert freshness.age_ms() == 0


def test_a_new_connection_learns_the_clocks_anew_and_keeps_the_age() -> None:
    """After a failover the ledger's clock may differ; what is known stays as old as it is."""
    clock = FakeClock()
    freshness = Freshness(clock)
    freshness.note(LEDGER_MS, is_complete=True)
    clock.advance(2_000)

    freshness.restart()
    assert freshness.age_ms() == 2_000

    freshness.note(LEDGER_MS - 60_000, is_complete=True)
    assert freshness.age_ms() == 0


def test_a_reading_that_turned_out_incomplete_has_no_age() -> None:
    """The next complete one begins anew; the clocks' difference stays known."""
    clock = FakeClock()
    freshness = Freshness(clock)
    freshness.note(LEDGER_MS, is_complete=True)

    freshness.forget()
    assert freshness.age_ms() is None

    clock.advance(1_200)
    freshness.note(LEDGER_MS + 1_000, is_complete=True)
    assert freshness.age_ms() == 200


def test_a_machine_that_slept_knows_that_its_view_is_old() -> None:
    """The monotonic clock stands still during sleep; the wall clock then has the say."""
    clock = FakeClock()
    freshness = Freshness(clock)
    freshness.note(LEDGER_MS, is_complete=True)

    clock.set_wall(clock.now_ms() + 3_600_000)

    assert freshness.age_ms() == 3_600_000


def test_a_wall_clock_that_is_set_back_does_not_make_the_view_younger() -> None:
    """Whichever clock says older is believed."""
    clock = FakeClock()
    freshness = Freshness(clock)
    freshness.note(LEDGER_MS, is_complete=True)

    clock.advance(4_000)
    clock.set_wall(clock.now_ms() - 3_600_000)

    assert freshness.age_ms() == 4_000
