"""The watcher of the clocks: whoever is wrong, access is not given, and operators see why."""

import pytest

from broker.clock import SystemClock
from broker.gate import Gate
from broker.store.keyspace import Keyspace
from broker.store.ledger_clock import LedgerClock
from broker.store.link import Link
from broker.watch import CLOCK, ClockWatch

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

KEYS = Keyspace("jit", 4)
HOUR_MS = 3_600_000


class WrongClock(SystemClock):
    """A broker's clocks, wrong by as much as a test says."""

    def __init__(self) -> None:
        self.shift_ms = 0
        self.slept_ms = 0

    def now_ms(self) -> int:
        """Return a wall clock that is wrong."""
        return super().now_ms() + self.shift_ms

    def monotonic_ms(self) -> int:
        """Return a monotonic clock that stood still for a while."""
        return super().monotonic_ms() - self.slept_ms


@pytest.fixture
def clock() -> WrongClock:
    """The broker's clock."""
    return WrongClock()


@pytest.fixture
def gate() -> Gate:
    """A gate that waits for the clock's watcher only."""
    return Gate([CLOCK])


@pytest.fixture
def watch(link: Link, gate: Gate, clock: WrongClock) -> ClockWatch:
    """The watcher."""
    return ClockWatch(LedgerClock(link, KEYS), clock, gate, max_skew_ms=5_000)


async def test_clocks_that_agree_open_the_gate(watch: ClockWatch, gate: Gate) -> None:
    """And what has aged may be swept."""
    await watch.look()

    assert gate.is_open
    assert watch.is_right


@pytest.mark.parametrize("shift_ms", [-HOUR_MS, HOUR_MS])
async def test_a_clock_that_is_wrong_closes_it_until_it_is_right(
    watch: ClockWatch, gate: Gate, clock: WrongClock, shift_ms: int
) -> None:
    """Without a restart, as soon as they agree again."""
    clock.shift_ms = shift_ms
    await watch.look()
    ((word, what, remedy),) = gate.hindrances()
    was_right = watch.is_right

    clock.shift_ms = 0
    await watch.look()

    assert (word, was_right) == ("clock", False)
    assert "clock" in what
    assert "NTP" in remedy
    assert gate.is_open
    assert watch.is_right


async def test_a_jump_of_both_walls_is_noticed(
    watch: ClockWatch, gate: Gate, clock: WrongClock
) -> None:
    """Ledger and broker on one machine jump together; the monotonic clock does not (E12)."""
    await watch.look()
    clock.slept_ms = HOUR_MS

    await watch.look()

    assert not gate.is_open
    assert not watch.is_right


async def test_a_bucket_that_ran_ahead_closes_it_until_time_has_caught_up(
    link: Link, watch: ClockWatch, gate: Gate, clock: WrongClock
) -> None:
    """Its clock never goes back: tokens dated by it would live too long."""
    ahead_ms = clock.now_ms() + HOUR_MS
    await link.read("HSET", KEYS.buckets[2].meta, "now", ahead_ms)
    await watch.look()
    ((_, what, remedy),) = gate.hindrances()

    await link.read("HSET", KEYS.buckets[2].meta, "now", clock.now_ms())
    await watch.look()

    assert "bucket 02" in what
    assert "until" in remedy
    assert gate.is_open
