from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.clock import rfc3339

LATEST_MS = 253_402_300_799_999


@pytest.mark.parametrize(
    ("instant_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_999, "1970-01-01T00:00:01.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        # A float would have lost its last digit.
        (158_184_251_577_339, "6982-08-29T05:52:57.339Z"),
        (LATEST_MS, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_milliseconds(instant_ms: int, text: str) -> None:
    """Always three digits, always a Z."""
    assert rfc3339(instant_ms) == text


@given(st.integers(0, LATEST_MS))
def test_what_is_written_can_be_read_back(instant_ms: int) -> None:
    """Nothing is lost, not even a millisecond."""
    moment = datetime.fromisoformat(rfc3339(instant_ms))

    assert moment.tzinfo is UTC
    assert round(moment.timestamp()) == pytest.approx(instant_ms / 1000, abs=0.5)
    assert moment.microsecond == instant_ms % 1000 * 1000
