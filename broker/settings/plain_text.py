"""The text of a file in which a reviewer sees everything that the broker reads."""

from typing import Final

from broker.errors import InvalidRequestError
from broker.text import parse_text

MAX_BYTES: Final = 1024 * 1024
"""Far beyond any hand-written file; keeps a mistaken path from filling the memory."""


class UnreadableTextError(Exception):
    """The bytes are no such text. ``line`` is 0 when it is not about one line."""

    def __init__(self, message: str, remedy: str, *, line: int = 0) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.line = line


def plain_text(raw: bytes) -> str:
    """Decode a file's bytes; a byte order mark at its beginning is dropped.

    Raises:
        UnreadableTextError: they are too many, not UTF-8, or hold a character that shows as
            nothing or turns the writing direction, so that what is seen is not what is read.
    """
    if len(raw) > MAX_BYTES:
        raise UnreadableTextError(f"larger than {MAX_BYTES} bytes", "split it, or check the path")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableTextError("not UTF-8 text", "save it as UTF-8") from error
    for number, line in enumerate(text.split("\n"), 1):
        _check_line(line.removesuffix("\r").replace("\t", " "), number)
    return text


def _check_line(line: str, number: int) -> None:
    try:
        parse_text(line, field="", max_length=MAX_BYTES, may_be_empty=True)
    except InvalidRequestError as error:
        raise UnreadableTextError(str(error), "retype the line", line=number) from error
