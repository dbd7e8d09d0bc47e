import pytest

from broker.shapes import instants


@pytest.mark.parametrize("ms", [1_764_500_000_000, 1_764_500_000_001, 1_764_500_000_999])
def test_an_instant_is_rounded_down(ms: int) -> None:
    """Nobody takes a credential for longer than it lives."""
    assert instants.written(ms) == "2025-11-30T10:53:20Z"
    assert instants.seconds_of(ms) == 1_764_500_000


@pytest.mark.parametrize("text", ["2025-11-30T10:53:20.001Z", "2025-11-30T11:53:20.001+01:00"])
def test_an_instant_is_read_wherever_it_was_written(text: str) -> None:
    """To the millisecond."""
    assert instants.read(text) == 1_764_500_000_001


@pytest.mark.parametrize("text", ["", "soon", "2025-11-30T10:53:20", "1764500000"])
def test_what_could_be_another_instant_is_none(text: str) -> None:
    """Also one without an offset."""
    with pytest.raises(ValueError, match=r"."):
        instants.read(text)
