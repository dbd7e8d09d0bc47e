"""Cursors as callers see them: opaque, and good only for whom and for which list they were given.

They carry no secret and need none: a forged one leads nowhere that its caller could not look
anyway, since the verbs judge every item again. What this keeps apart is places that do not belong
together: another caller's, another filter's.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from broker.cursor import foreign

_MARK: Final = 9
"""Bytes of the digest: enough that no mistake passes."""


def seal(cursor: str, caller: str, path: str, filters: Mapping[str, str]) -> str:
    """Write a place in a list of a caller's."""
    mark = _mark(cursor, caller, path, filters)
    return base64.urlsafe_b64encode(mark + cursor.encode()).decode().rstrip("=")


def unseal(text: str, caller: str, path: str, filters: Mapping[str, str]) -> str:
    """Read a place.

    Raises:
        InvalidRequestError: it was given to somebody else, or for another list.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        mark, cursor = raw[:_MARK], raw[_MARK:].decode()
    except ValueError as error:
        raise foreign("list, with these filters") from error
    if not cursor or mark != _mark(cursor, caller, path, filters):
        raise foreign("list, with these filters")
    return cursor


def _mark(cursor: str, caller: str, path: str, filters: Mapping[str, str]) -> bytes:
    words = (caller, path, urlencode(sorted(filters.items())), cursor)
    return hashlib.sha256("\0".join(words).encode()).digest()[:_MARK]
