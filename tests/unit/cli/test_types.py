import click
import pytest

from broker.cli.types import CEILING_LINE, DURATION
from broker.client.results import Ceiling


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("15m", 900), ("8h", 28_800), ("1d", 86_400), ("0", 0)],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    """People write 15m, programs write 900."""
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1", "1.5h", "1 h", "1w", "٣s", "9999999999"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A guess about a lifetime would be a wrong lifetime."""
    with pytest.raises(click.BadParameter, match="write 90s, 15m, 8h or 1d"):
        DURATION.convert(text, None, None)


def test_a_line_of_a_ceiling_is_read() -> None:
    """One option holds a capability and its scopes."""
    line = CEILING_LINE.convert("orders-api=orders:read,orders:list", None, None)

    assert line == Ceiling("orders-api", ("orders:read", "orders:list"))
    assert CEILING_LINE.convert("reports-read", None, None) == Ceiling("reports-read", ())


@pytest.mark.parametrize("text", ["orders-api=", "=orders:read", "", "x=,"])
def test_half_a_line_of_a_ceiling_is_refused(text: str) -> None:
    """Who writes a mark and no scope after it has made a mistake, and is told."""
    with pytest.raises(click.BadParameter, match="write for example orders-api=orders:read"):
        CEILING_LINE.convert(text, None, None)
