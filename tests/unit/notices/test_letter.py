"""A mail says what the broker knows apart from what others wrote, and hides nothing."""

from email import message_from_bytes
from email.policy import default

from broker.notices.letter import letter, visible
from broker.notices.notice import Notice

HOSTILE = "pay\u202etide\u200b\r\nBcc: eve@example.com\r\n\r\n\x1b[31m\u3164\ud800"


def mail(**changes: object) -> Notice:
    """Make a notice."""
    given = {"id": "msg_1", "type": "breakglass.alarm", "tenant": "acme", "at_ms": 0, "data": {}}
    return Notice(**{**given, **changes})  # type: ignore[arg-type]


def test_hostile_text_stays_on_its_line_and_is_seen() -> None:
    """No header, no line of its own, no colour, nothing that turns or hides."""
    notice = mail(data={"reason": HOSTILE, "agent": "invoice-bot"})

    read = message_from_bytes(
        letter(notice, "b@example.com", ["s@example.com"]).as_bytes(), policy=default
    )

    text = read.get_content()
    (line,) = [line for line in text.splitlines() if "reason" in line]
    assert line.startswith("  > reason: pay[U+202E]tide[U+200B][U+000D][U+000A]Bcc:")
    assert "[U+001B][31m[U+3164][U+D800]" in line
    assert read["Bcc"] is None
    assert "\x1b" not in text


def test_what_others_wrote_stands_apart() -> None:
    """Whoever reads it sees whose word it is."""
    notice = mail(data={"reason": "pay", "agent": "invoice-bot"})

    text = letter(notice, "b@example.com", ["s@example.com"]).get_content()

    known, _, said = text.partition("What others wrote, and nobody has checked:")
    assert "  agent: invoice-bot" in known
    assert "pay" not in known
    assert "  > reason: pay" in said


def test_headers_hold_nothing_that_can_break_them() -> None:
    """Whatever a type or tenant is called."""
    notice = mail(type="x\r\nBcc: eve@example.com", tenant="a\nb", id="msg_1")

    read = message_from_bytes(
        letter(notice, "b@example.com", ["s@example.com"]).as_bytes(), policy=default
    )

    assert read["Bcc"] is None
    assert read["Subject"] == "[broker] x??Bcc: eve@example.com (a?b)"
    assert read["To"] == "s@example.com"


def test_a_long_value_is_cut_and_says_so() -> None:
    """A mail is for reading."""
    assert visible("x" * 1000) == "x" * 400 + "…"
