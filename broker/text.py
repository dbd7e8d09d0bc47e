"""The door checks for strings: what passes here may be stored, logged, listed and compared.

Every string from outside passes one of these once, and nothing behind them checks again. They
refuse and never mend: a mended name is another name. What is refused besides controls are the
characters that show as nothing or turn the writing direction (F17): with them two names look the
same, or a text says to a model what no human sees.
"""

import re
import unicodedata
from typing import Final

from broker.errors import InvalidRequestError

MAX_NAME: Final = 128
MAX_SCOPE: Final = 128
MAX_REASON: Final = 512

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]*", re.ASCII)
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_IDEMPOTENCY_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)

_FORBIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories: controls, formats (bidi, zero-width, tags), surrogates, private use, unassigned (how
those normalise is unknown to this Unicode version), line and paragraph separators."""

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What Unicode files under letters, symbols and marks although it shows as nothing."""


def parse_text(text: str, *, field: str, max_length: int, may_be_empty: bool = False) -> str:
    """Check free text of at most ``max_length`` characters.

    Raises:
        InvalidRequestError: it is empty, too long, not in normal form C or holds a character that
            cannot be seen.
    """
    if not text and not may_be_empty:
        raise InvalidRequestError("is empty: send a text", field=field)
    if len(text) > max_length:
        raise InvalidRequestError(
            f"is {len(text)} characters long: send at most {max_length}", field=field
        )
    # The fast path holds for nearly all traffic: printable ASCII is always in normal form.
    if not (text.isascii() and text.isprintable()):
        _check_characters(text, field)
    return text


def parse_name(text: str, *, field: str) -> str:
    """Check a name: 1 to 128 of letters, digits and ``._:@/-``, the first a letter or digit.

    Raises:
        InvalidRequestError: the text is no name.
    """
    if len(text) > MAX_NAME or _NAME.fullmatch(text) is None:
        raise InvalidRequestError(
            f"is not a name: send 1 to {MAX_NAME} of A-Z a-z 0-9 . _ : @ / - "
            "that begin with a letter or digit",
            field=field,
        )
    return text


def parse_scope(text: str, *, field: str = "scopes") -> str:
    """Check one scope word (RFC 6749 §3.3, ``scope-token``) of at most 128 characters.

    Raises:
        InvalidRequestError: the text is no scope word.
    """
    if len(text) > MAX_SCOPE or _SCOPE.fullmatch(text) is None:
        raise InvalidRequestError(
            f"is not a scope: send 1 to {MAX_SCOPE} printable ASCII characters "
            'without space, " and \\',
            field=field,
        )
    return text


def parse_idempotency_key(text: str, *, field: str = "Idempotency-Key") -> str:
    """Check an idempotency key: 1 to 128 of ``[A-Za-z0-9._:-]``.

    Raises:
        InvalidRequestError: the text is no such key.
    """
    if _IDEMPOTENCY_KEY.fullmatch(text) is None:
        raise InvalidRequestError(
            "is not an idempotency key: send 1 to 128 of A-Z a-z 0-9 . _ : -", field=field
        )
    return text


def parse_reason(text: str, *, field: str = "reason") -> str:
    """Check the free text by which a caller says why: at most 512 characters.

    Raises:
        InvalidRequestError: as :func:`parse_text`.
    """
    return parse_text(text, field=field, max_length=MAX_REASON)


def _check_characters(text: str, field: str) -> None:
    for position, character in enumerate(text):
        if unicodedata.category(character) in _FORBIDDEN or _INVISIBLE.match(character):
            raise InvalidRequestError(
                f"holds U+{ord(character):04X} at character {position}, "
                "which cannot be seen or stored: leave it out",
                field=field,
            )
    if not unicodedata.is_normalized("NFC", text):
        raise InvalidRequestError("is not in Unicode normal form C: send NFC", field=field)
