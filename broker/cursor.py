"""What a cursor is made of. It comes back from outside, so it is read as strictly as a body."""

from typing import Final

from broker.errors import InvalidRequestError

_DIGITS: Final = 15
"""Instants in milliseconds have 13; what Redis counts with has 18."""


def number(text: str, of: str) -> int:
    """Read a whole number of a cursor ``of`` some list or report.

    Raises:
        InvalidRequestError: it is none.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise foreign(of)
    return int(text)


def foreign(of: str) -> InvalidRequestError:
    """Return the error for a cursor that this list or report never gave."""
    return InvalidRequestError(f"not a cursor of this {of}", field="cursor")
