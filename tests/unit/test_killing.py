"""How long a target is left alone between two tries to kill."""

from broker.killing import pause_ms


def test_pauses_grow_and_have_a_cap() -> None:
    """However often it was tried: within half a minute somebody asks again."""
    pauses = [pause_ms(tries) for tries in range(8)]

    assert pauses == [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]
    assert pause_ms(10**6) == 30_000
