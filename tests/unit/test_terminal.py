import pytest

from broker.terminal import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("reconcile", "reconcile"),
        ("", "-"),
        (None, "-"),
        (True, "true"),
        (300, "300"),
        (30.0, "30"),
        (0.5, "0.5"),
        (["a", "b"], "a, b"),
        ({"agent": "x"}, '{"agent": "x"}'),
        ("Rechnungen prüfen", "Rechnungen prüfen"),
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("two\nlines\r", "two\\u000alines\\u000d"),
        ("\u202eevil", "\\u202eevil"),
        ("[bold]name[/bold]", "[bold]name[/bold]"),
    ],
)
def test_a_value_is_shown_as_harmless_text(value: object, text: str) -> None:
    """Names chosen by agents cannot move the cursor, reorder a line or change colours."""
    assert shown(value) == text
