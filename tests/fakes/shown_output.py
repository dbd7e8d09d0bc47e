"""What a page says that its commands print, held against what they do print.

Ids, instants and digests are others each time, and so are the widths of columns. ``…`` stands for
any text on its line, and for any lines where it is alone on one. Whatever else is printed must be
shown.
"""

import re
from typing import Final

LEFT_OUT: Final = "…"

_OTHERS: Final = (
    r"(?P<id>\b[a-z]_[0-9a-f]{2}_[a-z2-7]{26}\b)",
    r"(?P<instant>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)",
    r"(?P<digest>\b[0-9a-f]{64}\b)",
)
_KINDS: Final = re.compile("|".join(_OTHERS))


def plain(text: str) -> list[str]:
    """Return the lines that say something, without what is another each time."""
    lines = (_KINDS.sub(lambda found: f"<{found.lastgroup}>", line) for line in text.splitlines())
    return [" ".join(line.split()) for line in lines if line.strip()]


def differences(shown: str, printed: str) -> str:
    """Return both, one below the other, unless everything that is printed is as shown."""
    expected, seen = plain(shown), plain(printed)
    if re.fullmatch("".join(map(_pattern, expected)), "".join(f"{line}\n" for line in seen)):
        return ""
    return "\n".join(["shown:", *expected, "", "printed:", *seen])


def _pattern(line: str) -> str:
    if line == LEFT_OUT:
        return r"(?:.*\n)*?"
    return ".*".join(map(re.escape, line.split(LEFT_OUT))) + r"\n"
