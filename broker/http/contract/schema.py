"""The few forms of JSON Schema (2020-12) that the contract is written in."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

Schema = dict[str, object]


class Configured(StrEnum):
    """A number that an installation sets: the attribute of :class:`broker.http.limits.Limits`."""

    MAX_TTL = "max_ttl_seconds"


def text(*, least: int = 0, most: int, pattern: str = "", example: str = "") -> Schema:
    """Write a string of so many characters, within a pattern if there is one."""
    schema: Schema = {"type": "string", "minLength": least, "maxLength": most}
    if pattern:
        schema["pattern"] = pattern
    return schema | ({"examples": [example]} if example else {})


def form(pattern: str, example: str) -> Schema:
    """Write a string whose pattern bounds its length, too."""
    return {"type": "string", "pattern": pattern, "examples": [example]}


def words(*allowed: str) -> Schema:
    """Write one of these words."""
    return {"type": "string", "enum": list(allowed)}


def number(least: int, most: int | Configured | None = None) -> Schema:
    """Write a whole number."""
    schema: Schema = {"type": "integer", "minimum": least}
    return schema if most is None else schema | {"maximum": most}


def array(of: Schema, *, least: int = 0, most: int | None = None) -> Schema:
    """Write a list."""
    schema: Schema = {"type": "array", "items": of, "minItems": least}
    return schema if most is None else schema | {"maxItems": most}


def mapping(keys: Schema, values: Schema, *, most: int) -> Schema:
    """Write an object whose members have names of the caller's own."""
    return {
        "type": "object",
        "propertyNames": keys,
        "additionalProperties": values,
        "maxProperties": most,
    }


def record(members: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Write an object of exactly these members; whatever else there is is refused."""
    return {
        "type": "object",
        "properties": {**members, **(optional or {})},
        "required": list(members),
        "additionalProperties": False,
    }


def nullable(schema: Schema) -> Schema:
    """Allow null in its place."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema | {"type": [schema["type"], "null"]}


def ref(name: str) -> Schema:
    """Name a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def described(schema: Schema, text: str) -> Schema:
    """Say what it means."""
    return schema | {"description": text}


def paged(name: str, of: Schema, optional: Mapping[str, Schema] | None = None) -> Schema:
    """Write one page of a list: the items, and the address of the next page (null on the last)."""
    return record({name: array(of, most=200), "next": NEXT}, optional)


NEXT: Final[Schema] = {"type": ["string", "null"], "pattern": "^/"}
