"""A notice as a mail: plain text, in which nothing hides and no line is anybody's but ours.

What others wrote (reasons, names, purposes) stands apart from what the broker knows, each line of
it behind a mark, with every character shown that would otherwise not be seen.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from broker.clock import rfc3339
from broker.notices.notice import LATEST_MS, Notice

SUPPLIED: Final = frozenset(
    {
        *("reason", "incident", "purpose", "name", "task_name", "words", "note", "comment"),
        *("tickets", "resources", "supplied", "origin", "labels"),
    }
)
"""Members that say what somebody wrote; the broker has checked their form and nothing else."""

LONGEST: Final = 400
"""Characters of one value."""

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def letter(notice: Notice, sender: str, to: Sequence[str]) -> EmailMessage:
    """Write the mail. Its headers hold nothing that anybody else chose."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = f"[broker] {_word(notice.type)} ({_word(notice.tenant) or 'all'})"
    message["Message-ID"] = f"<{notice.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(_lines(notice)) + "\n", cte="quoted-printable")
    return message


def visible(value: object) -> str:
    """Write a value on one line, and show by its number what would not be seen."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = "".join(map(_seen, text[:LONGEST]))
    return shown + ("…" if len(text) > LONGEST else "")


def _lines(notice: Notice) -> Iterator[str]:
    yield visible(notice.type)
    yield f"at {rfc3339(min(max(notice.at_ms, 0), LATEST_MS))}"
    yield f"tenant {visible(notice.tenant) or 'all'}"
    yield f"message {notice.id}"
    yield ""
    yield "What the broker knows:"
    known = [name for name in notice.data if name not in SUPPLIED]
    yield from (f"  {visible(name)}: {visible(notice.data[name])}" for name in known)
    if len(known) < len(notice.data):
        yield ""
        yield "What others wrote, and nobody has checked:"
        said = [name for name in notice.data if name in SUPPLIED]
        yield from (f"  > {visible(name)}: {visible(notice.data[name])}" for name in said)


def _seen(char: str) -> str:
    category = unicodedata.category(char)
    hides = category[0] in "CZ" and char != " "
    return f"[U+{ord(char):04X}]" if hides or _INVISIBLE.match(char) else char


def _word(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)[:80]
