import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import base64url


@given(st.binary(max_size=70))
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    """Every byte string has a spelling, without padding, that reads back."""
    spelled = base64url.encode(data)
    assert "=" not in spelled
    assert base64url.decode(spelled) == data


@pytest.mark.parametrize(
    "text", ["QQ==", "QQ=", "QR", "QUJ", "Q", "Q Q", "QQ\n", "Q+", "Q/", "Q\x00", "QÄ", "=", "Q="]
)
def test_m3_every_other_spelling_is_refused(text: str) -> None:
    """Padding, stray bits, the other alphabet and ignored characters make no second spelling."""
    with pytest.raises(ValueError, match="canonical"):
        base64url.decode(text)


@given(st.text(max_size=12))
def test_one_value_has_one_spelling(text: str) -> None:
    """Whatever decodes is exactly what encodes to it."""
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(data) == text
