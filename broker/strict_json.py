"""The one strict reader of JSON that comes from outside.

Two parsers that read one text differently are an attack: a gateway takes the first of two equal
names, a library the last. So this reader refuses whatever is read in more than one way (dangers:
duplicate names, NaN, other encodings, lone surrogates, integers beyond 64 bits, numbers that
overflow to infinity, deep nesting) and nothing is ever parsed a second time.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Final, NoReturn

from broker.errors import InvalidRequestError

MAX_DEPTH: Final = 16
"""No document of ours or of an issuer nests deeper; a reader's own stack is never at stake."""

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_LONGEST_INTEGER: Final = len(str(_SMALLEST))

# A string without its closing quote matches as well: otherwise each of its escaped quotes would
# start another scan to the end, and a text of those would cost quadratic time.
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class _RefusalError(ValueError):
    """Well-formed JSON that this reader does not take; the text never echoes the input."""


def loads(data: bytes, *, max_bytes: int, field: str = "body") -> object:
    """Read one JSON text.

    Raises:
        InvalidRequestError: it is too long or not strict JSON; ``field`` is the given one, the
            message says what is wrong and where, without echoing the input.
    """
    try:
        return _read(data, max_bytes)
    except _RefusalError as error:
        fault = str(error)
    except UnicodeDecodeError as error:
        fault = f"not UTF-8 at byte {error.start}: send JSON as UTF-8"
    except json.JSONDecodeError as error:
        fault = f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
    # Raised outside the handlers: those errors hold the whole document, and as the context of this
    # one they would carry it into a traceback.
    raise InvalidRequestError(fault, field=field)


def loads_object(data: bytes, *, max_bytes: int, field: str = "body") -> dict[str, object]:
    """Read one JSON text that must be an object.

    Raises:
        InvalidRequestError: as :func:`loads`, or it is some other value.
    """
    value = loads(data, max_bytes=max_bytes, field=field)
    if not isinstance(value, dict):
        raise InvalidRequestError("not a JSON object: send {…}", field=field)
    return value


def _read(data: bytes, max_bytes: int) -> object:
    if len(data) > max_bytes:
        raise _RefusalError(f"{len(data)} bytes long: at most {max_bytes} are read")
    text = data.decode()
    if text.startswith("\ufeff"):
        raise _RefusalError("starts with a byte order mark: send JSON without one")
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text)
    value: object = _DECODER.decode(text)
    if "\\u" in text and any(_is_broken(string) for string in _strings(value)):
        raise _RefusalError("an escape \\uD800 to \\uDFFF stands alone: send whole characters")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match.group()
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH:
            raise _RefusalError(
                f"nested deeper than {MAX_DEPTH} levels at character {match.start()}"
            )


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(members)
    if len(result) != len(members):
        raise _RefusalError(f"member {_first_repeated(members)} of an object repeats a name")
    return result


def _first_repeated(members: list[tuple[str, object]]) -> int:
    seen: set[str] = set()
    for number, (name, _) in enumerate(members, start=1):
        if name in seen:
            return number
        seen.add(name)
    return 0


def _integer(literal: str) -> int:
    # The length is looked at first: turning digits into an integer takes quadratic time.
    if len(literal) <= _LONGEST_INTEGER and _SMALLEST <= (value := int(literal)) <= _LARGEST:
        return value
    raise _RefusalError("an integer does not fit in 64 bits")


def _fraction(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise _RefusalError("a number is too large")
    return value


def _constant(_literal: str) -> NoReturn:
    raise _RefusalError("NaN and Infinity are not JSON")


def _strings(value: object) -> Iterator[str]:
    """Walk over every string, names included; the depth is bounded by now."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _strings(item)


def _is_broken(string: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in string)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)
