"""What callers and issuers assert freely, made inert.

In Cedar's JSON a record ``{"__entity": …}`` is not a record but an entity, and would satisfy
``context.role == Role::"admin"``. So nothing that a caller nests reaches the engine: a map becomes
a set of texts ``key=value``, and what tries to be more is refused at the door.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from broker.errors import InvalidRequestError

RESERVED_PREFIX: Final = "__"
"""Cedar reads ``__entity``, ``__extn`` and ``__expr``; a later version may read others."""

MAX_ENTRIES: Final = 64
"""More assertions than any request needs, few enough to show in a trace."""


def flatten(entries: Mapping[str, object], *, field: str) -> frozenset[str]:
    """Turn a map into texts ``key=value``; no two different maps of texts become the same set.

    Raises:
        InvalidRequestError: a key is empty, reserved or holds ``=``, a value is not a text, a
            whole number or a boolean, or there are too many.
    """
    if len(entries) > MAX_ENTRIES:
        raise InvalidRequestError(f"has more than {MAX_ENTRIES} entries: send fewer", field=field)
    return frozenset(_entry(key, value, field) for key, value in entries.items())


def _entry(key: object, value: object, field: str) -> str:
    if not isinstance(key, str) or not key or "=" in key:
        raise InvalidRequestError("has a key that is empty or holds '=': rename it", field=field)
    if key.startswith(RESERVED_PREFIX):
        raise _reserved(field)
    if isinstance(value, str):
        return f"{key}={value}"
    if isinstance(value, bool):
        return f"{key}={str(value).lower()}"
    if isinstance(value, int):
        return f"{key}={value}"
    if _holds_reserved(value):
        raise _reserved(field)
    raise InvalidRequestError("has a value that is not a text: send texts", field=field)


def _reserved(field: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"has a key that begins with {RESERVED_PREFIX!r}: rename it", field=field
    )


def _holds_reserved(nested: object) -> bool:
    """Look at every depth, without recursion: the depth is the caller's choice."""
    waiting: list[object] = [nested]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if any(str(key).startswith(RESERVED_PREFIX) for key in value):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list | tuple | AbstractSet):
            waiting.extend(value)
    return False
