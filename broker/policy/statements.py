"""Policy text, statement by statement, each with its line.

Cedar's own complaints carry no position. So a file is cut at the semicolons that end a policy, and
each piece is put to Cedar by itself: what is wrong with it has its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_MARKS: Final = 400
"""How many operators, dots and brackets one statement may have. A few thousand in one expression
make Cedar's parser overrun its stack, which kills the process; 500 are safe everywhere."""

_STRING: Final = r'"(?:[^"\\]|\\.)*+"?'
_COMMENT: Final = r"//[^\n]*+"
_END: Final = re.compile(rf"{_STRING}|{_COMMENT}|(?P<end>;)", re.DOTALL)
_BLANK: Final = re.compile(rf"(?:\s|{_COMMENT})*+")
_QUOTED: Final = re.compile(rf"{_STRING}|{_COMMENT}", re.DOTALL)
_MARK: Final = re.compile(r"[(\[{<.+*!-]|&&|\|\||\bif\b")


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy's text and the line on which it begins."""

    text: str
    line: int

    @property
    def is_too_complex(self) -> bool:
        """Tell whether parsing it might overrun the parser's stack."""
        return mark_count(self.text) > MAX_MARKS


def mark_count(text: str) -> int:
    """Count what can nest: operators, dots and opening brackets outside strings and comments."""
    return len(_MARK.findall(_QUOTED.sub(" ", text)))


def statements(text: str) -> Iterator[Statement]:
    """Cut a file into its policies; together they hold all of its text that is not comment."""
    start = 0
    for match in _END.finditer(text):
        if match["end"]:
            yield _statement(text, start, match.end())
            start = match.end()
    if _first(text, start) < len(text):
        yield _statement(text, start, len(text))


def _statement(text: str, start: int, end: int) -> Statement:
    first = _first(text, start)
    return Statement(text[start:end], text.count("\n", 0, first) + 1)


def _first(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    return match.end() if match else start


def comments(text: str) -> list[str]:
    """Return every comment of a text, in its order."""
    return [found[0] for found in _QUOTED.finditer(text) if found[0].startswith("//")]
