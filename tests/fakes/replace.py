"""A copy of a record with some members changed, whichever way the record is declared."""

import dataclasses
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")


def replace(record: T, **changes: object) -> T:
    """Return the copy."""
    if isinstance(record, msgspec.Struct):
        return cast("T", msgspec.structs.replace(record, **changes))
    return cast("T", dataclasses.replace(cast("Any", record), **changes))
