"""Our variables inside IAM's pattern language, so that a value stands for itself and nothing more.

In ``Resource`` and in conditions on text IAM reads ``*``, ``?`` and ``${…}`` itself (IAM User
Guide, "IAM policy elements: variables and tags"). So there:

- ``${tenant}`` and the other words of a wish are ours. What has a colon (``${aws:username}``) and
  ``${*}``, ``${?}``, ``${$}`` are IAM's, and stay as they are written.
- In a value ``*``, ``?`` and ``$`` become ``${*}``, ``${?}``, ``${$}``: IAM takes them literally.
- A value may not be empty, nor hold what parts it from the next wildcard or variable: else
  ``home/${on_behalf_of}/*`` would give ``a/b`` something inside what belongs to ``a``.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from backends.contract import Wish
from backends.errors import NotMintedError, Trouble
from backends.templates import VARIABLES

_PIECE: Final = re.compile(r"\$\{(?P<named>[^}]*)\}|(?P<wild>[*?])|(?P<plain>.)", re.DOTALL)
_OWN_WILD: Final = frozenset("*?$")
"""IAM's names for single characters: ``${*}`` is a star that stands for a star."""

_WRITABLE: Final = re.compile(r"[\t\n\r\x20-\xff]+")
"""What a session policy may hold (STS API Reference, AssumeRole, Policy)."""

_SPECIAL: Final = re.compile(r"[*?$]")


class _Sort(StrEnum):
    PLAIN = "plain"
    OURS = "ours"
    OPEN = "open"  # stands for more than one text when IAM reads it


class _Piece(NamedTuple):
    sort: _Sort
    text: str


def _pieces(text: str) -> list[_Piece]:
    return [_piece(found) for found in _PIECE.finditer(text)]


def _piece(found: "re.Match[str]") -> _Piece:
    named = found["named"]
    if named is None:
        return _Piece(_Sort.OPEN if found["wild"] else _Sort.PLAIN, found[0])
    if named in VARIABLES:
        return _Piece(_Sort.OURS, named)
    return _Piece(_Sort.PLAIN if named in _OWN_WILD else _Sort.OPEN, found[0])


def pattern_flaws(text: str) -> Iterator[tuple[str, str]]:
    """Find what is wrong with a pattern: each time what, and what to do about it."""
    for name in re.findall(r"\$\{([^}]*)\}", text):
        if name not in VARIABLES and name not in _OWN_WILD and ":" not in name:
            yield f"nothing stands for {name}", "see the list of variables"
    if "${" in re.sub(r"\$\{[^}]*\}", "", text):
        yield "nothing stands for ${", "close it with }"
    pieces = _pieces(text)
    for index, piece in enumerate(pieces):
        near = pieces[max(0, index - 1) : index] + pieces[index + 1 : index + 2]
        if piece.sort is _Sort.OURS and any(each.sort is not _Sort.PLAIN for each in near):
            message = f"${{{piece.text}}} touches a wildcard or another variable"
            yield f"{message}: one value could begin another", "part them, as in ${tenant}/*"


def has_own(text: str) -> bool:
    """Tell whether a text names a word of the wish."""
    return any(piece.sort is _Sort.OURS for piece in _pieces(text))


def filled_pattern(text: str, wish: Wish) -> str:
    """Put the wish's words in, each standing for itself.

    Raises:
        NotMintedError: a value would mean more, or could not be written in a policy.
    """
    pieces = _pieces(text)
    return "".join(_written(pieces, index, wish) for index in range(len(pieces)))


def _written(pieces: Sequence[_Piece], index: int, wish: Wish) -> str:
    sort, text = pieces[index]
    if sort is not _Sort.OURS:
        return text
    value = str(getattr(wish, text))
    if _WRITABLE.fullmatch(value) is None:
        raise _unfit(text, "is empty, or has characters that no policy can hold")
    for separator in _separators(pieces, index):
        if separator in value:
            raise _unfit(text, f"has a {separator!r}, which parts it from what follows")
    return _SPECIAL.sub(r"${\g<0>}", value)


def _separators(pieces: Sequence[_Piece], index: int) -> Iterator[str]:
    """Yield the characters next to a variable that part it from something open on that side."""
    for side in (pieces[index + 1 :], pieces[:index][::-1]):
        if any(piece.sort is not _Sort.PLAIN for piece in side):
            yield side[0].text if side[0].sort is _Sort.PLAIN else ""


def _unfit(name: str, why: str) -> NotMintedError:
    return NotMintedError(Trouble.REFUSED, f"{name} {why}")
