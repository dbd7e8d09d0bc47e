"""What counts as printed as shown, so that a page cannot say what is not so."""

import pytest

from tests.fakes.shown_output import differences

ID = "l_0e_qfcnlm75d5asaxfdjehuzqfpsl"
OTHER_ID = "l_0c_mp7ngecb3evfgpn2bfibs33yie"


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a\n", "a\n"),
        (f"id  {ID}\n", f"id    {OTHER_ID}\n"),
        ("at 2027-01-15T08:00:00Z\n", "at 2026-11-29T21:28:51.643Z\n"),
        ("a\n…\nd\n", "a\n\nb\nc\nd\n"),
        ("…\n", ""),
        ("took … ms\n", "took 12 ms\n"),
        ("", "\n"),
    ],
)
def test_it_is_as_shown(shown: str, printed: str) -> None:
    """Ids, instants and widths are others; what is left out may be anything."""
    assert differences(shown, printed) == ""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a\n", "b\n"),
        ("a\n", ""),
        ("", "a\n"),
        ("a\n", "a\nb\n"),
        ("b\na\n", "a\nb\n"),
        ("a\n…\nc\n", "a\nb\n"),
        ("401\n", "1401\n"),
        ("took … ms\n", "took 12 s\n"),
        (f"id {ID}\n", "id l_0e_short\n"),
    ],
)
def test_it_is_not_as_shown(shown: str, printed: str) -> None:
    """Both are told."""
    assert "printed:" in differences(shown, printed)
