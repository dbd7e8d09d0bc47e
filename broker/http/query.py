"""Query parameters: only the known ones, each once."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from broker.errors import InvalidRequestError

MAX_PAGE: Final = 200
"""The most that one page shows: no command of the ledger may be longer (DESIGN §4)."""

DEFAULT_PAGE: Final = 100
PAGE: Final = ("cursor", "limit")
"""The parameters of every list."""

_CURSOR: Final = re.compile(r"[!-~]{1,512}", re.ASCII)
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Window:
    """Which page of a list: from where, and how much."""

    cursor: str
    limit: int


def parameters(request: web.Request, known: Collection[str]) -> dict[str, str]:
    """Return the query's parameters.

    Raises:
        InvalidRequestError: one is unknown or comes twice.
    """
    found: dict[str, str] = {}
    if not request.query_string:
        return found
    for name, value in request.query.items():
        if name not in known:
            raise InvalidRequestError("there is no such parameter", field=name[:_SHOWN])
        if name in found:
            raise InvalidRequestError("send this parameter once", field=name)
        found[name] = value
    return found


def window(found: dict[str, str]) -> Window:
    """Read ``cursor`` and ``limit``.

    Raises:
        InvalidRequestError: one of them is malformed.
    """
    cursor = found.get("cursor", "")
    if "cursor" in found and _CURSOR.fullmatch(cursor) is None:
        raise InvalidRequestError("send back what 'next' held, or nothing", field="cursor")
    limit = found.get("limit", str(DEFAULT_PAGE))
    if _LIMIT.fullmatch(limit) is None or int(limit) > MAX_PAGE:
        raise InvalidRequestError(f"use a whole number from 1 to {MAX_PAGE}", field="limit")
    return Window(cursor, int(limit))
