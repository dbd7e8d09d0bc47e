"""Paths in their one spelling.

What differs between parsers has none: dot segments, empty segments, parameters after ``;``,
backslashes, encoded separators, encoded controls and what is encoded twice.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})", re.ASCII)
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]", re.ASCII)
_FORBIDDEN: Final = frozenset("/\\;%?#") | {chr(code) for code in range(32)} | {"\x7f"}
"""What nobody may hide behind a percent sign: who decodes it reads another path than the rule."""


def plain_path(text: str) -> str | None:
    """Bring a path to its one spelling; None if it can be read in more than one way."""
    if _PATH.fullmatch(text) is None or any(_hides(code) for code in _ENCODED.findall(text)):
        return None
    plain = _ENCODED.sub(_respelt, text)
    inner = segments_of(plain)
    if any(part in {".", ".."} for part in inner) or "" in inner[:-1]:
        return None
    return plain if _is_text(plain) else None


def segments_of(path: str) -> tuple[str, ...]:
    """Return the parts between the slashes."""
    return tuple(path[1:].split("/"))


def _hides(code: str) -> bool:
    return chr(int(code, 16)) in _FORBIDDEN


def _respelt(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def _is_text(path: str) -> bool:
    """Tell whether its bytes are UTF-8: who reads on nevertheless takes ``%c0%ae`` for a dot."""
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    return True
