"""Remembering used proofs: never too short, never without bound (C6)."""

import pytest

from broker.proof.replays import KEPT_MS, MemoryReplays, ReplaysFullError
from tests.fakes.clock import FakeClock


async def test_a_proof_is_remembered_for_as_long_as_it_counts() -> None:
    """Whenever within a generation it came."""
    for offset in (0, 1, KEPT_MS // 2, KEPT_MS - 1):
        clock = FakeClock()
        replays = MemoryReplays(clock)
        clock.advance(offset)
        assert await replays.is_first("k", "p")

        for _ in range(4):
            clock.advance(KEPT_MS // 4 - 1)
            assert not await replays.is_first("k", "p")


async def test_a_proof_is_forgotten_in_the_end() -> None:
    """After two generations at the latest, with traffic and without."""
    clock = FakeClock()
    replays = MemoryReplays(clock)
    assert await replays.is_first("k", "p")
    clock.advance(2 * KEPT_MS)
    assert await replays.is_first("k", "p")

    clock.advance(KEPT_MS)
    assert await replays.is_first("k", "q")
    clock.advance(KEPT_MS)
    assert await replays.is_first("k", "p")


async def test_c6_a_full_memory_refuses_and_forgets_nothing() -> None:
    """A flood of proofs does not push out one that could be played again."""
    replays = MemoryReplays(FakeClock(), max_proofs=5)
    assert await replays.is_first("victim", "captured")
    for number in range(4):
        assert await replays.is_first("flood", str(number))

    for number in range(4, 50):
        with pytest.raises(ReplaysFullError):
            await replays.is_first("flood", str(number))

    assert not await replays.is_first("victim", "captured")


async def test_c6_one_key_takes_no_more_than_its_share() -> None:
    """And leaves the others theirs; of the next generation it has a share again."""
    clock = FakeClock()
    replays = MemoryReplays(clock, max_per_key=2)
    assert await replays.is_first("greedy", "1")
    clock.advance(KEPT_MS)
    assert await replays.is_first("greedy", "2")
    with pytest.raises(ReplaysFullError):
        await replays.is_first("greedy", "3")

    assert await replays.is_first("other", "1")
    clock.advance(KEPT_MS)
    assert await replays.is_first("greedy", "3")
