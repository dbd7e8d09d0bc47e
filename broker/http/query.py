"""Query parameters: only the known ones, each once."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from broker.errors import InvalidRequestError
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.paging import unseal
from broker.model.principal import Principal

MAX_PAGE: Final = 200
"""The most that one page shows: no command of the ledger may be longer (DESIGN §4)."""

DEFAULT_PAGE: Final = 100
PAGE: Final = ("cursor", "limit")
"""The parameters of every list."""

_CURSOR: Final = re.compile(r"[A-Za-z0-9_-]{1,1024}", re.ASCII)
_NO_FILTERS: Final = frozenset({*PAGE, "wait"})
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Window:
    """Which page of a list: from where, how much, for whom, and what it is narrowed to."""

    cursor: str
    limit: int
    caller: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)


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


def first(principal: Principal) -> Window:
    """Return the first page of a list, for this caller."""
    return Window("", DEFAULT_PAGE, _named(principal))


def window(request: web.Request) -> Window:
    """Read ``cursor`` and ``limit``; every other parameter but ``wait`` is a filter.

    Raises:
        InvalidRequestError: one of them is malformed, or the cursor is another's: of another
            caller, list or filter.
    """
    found, caller = request[QUERY], _caller(request)
    cursor = found.get("cursor", "")
    if "cursor" in found and _CURSOR.fullmatch(cursor) is None:
        raise InvalidRequestError("send back what 'next' held, or nothing", field="cursor")
    limit = found.get("limit", str(DEFAULT_PAGE))
    if _LIMIT.fullmatch(limit) is None or int(limit) > MAX_PAGE:
        raise InvalidRequestError(f"use a whole number from 1 to {MAX_PAGE}", field="limit")
    filters = {name: value for name, value in found.items() if name not in _NO_FILTERS}
    if cursor:
        cursor = unseal(cursor, caller, request.path, filters)
    return Window(cursor, int(limit), caller, filters)


def _caller(request: web.Request) -> str:
    return _named(request[PRINCIPAL])


def _named(principal: Principal) -> str:
    return f"{principal.issuer} {principal.ref} {principal.instance}"
