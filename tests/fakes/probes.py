"""Values just within and just beyond what a schema of the contract allows."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.contract import DOCUMENT

Schema = Mapping[str, Any]
_LETTER = "a"


@dataclass(frozen=True)
class Probe:
    """A value, whether the schema allows it, and which member of it is wrong if not."""

    value: Any
    is_good: bool
    field: str = ""

    def within(self, outer: Any, name: str) -> "Probe":
        """Put the value into an object."""
        joined = self.field if self.field.startswith("[") else f".{self.field}"
        return Probe({**outer, name: self.value}, self.is_good, f"{name}{joined}".rstrip("."))


def resolved(schema: Schema) -> Schema:
    """Follow a reference, which may allow null in its place."""
    if "anyOf" in schema:
        meant = resolved(schema["anyOf"][0])
        return {**meant, "type": [meant["type"], "null"]}
    if "$ref" in schema:
        found: Schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def types(schema: Schema) -> set[str]:
    """Return the JSON types that a schema allows."""
    kind = schema.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def sample(given: Schema) -> Any:
    """Return a value that the schema allows."""
    schema = resolved(given)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    kinds = types(schema)
    if "string" in kinds:
        return _LETTER * max(1, schema.get("minLength", 1))
    if "boolean" in kinds or "integer" in kinds:
        return True if "boolean" in kinds else max(1, schema.get("minimum", 1))
    if "array" in kinds:
        return [sample(schema["items"])]
    return {name: sample(schema["properties"][name]) for name in schema.get("required", ())}


def probes(given: Schema, value: Any) -> Iterator[Probe]:
    """Vary a value that is allowed."""
    schema = resolved(given)
    kinds = types(schema)
    yield Probe(None, "null" in kinds)
    yield Probe([[value]], is_good=False)
    if "string" in kinds:
        yield from _strings(schema)
    if "integer" in kinds:
        yield from _integers(schema)
    if "boolean" in kinds and "enum" not in schema:
        yield Probe(value=False, is_good=True)
        yield from (Probe(wrong, is_good=False) for wrong in ("true", 1, {}))
    if "array" in kinds:
        yield from _arrays(schema)
    if "object" in kinds:
        yield from objects(schema, value)


def _strings(schema: Schema) -> Iterator[Probe]:
    yield Probe(7, is_good=False)
    yield Probe("a\nb", is_good=False)
    yield Probe("a\u202eb", is_good=False)
    if "enum" in schema or schema.get("minLength", 0) > 0:
        yield Probe("", is_good=False)
    if "enum" in schema:
        yield Probe("no-such-word", is_good=False)
    if "maxLength" in schema:
        yield Probe(_LETTER * schema["maxLength"], is_good=True)
        yield Probe(_LETTER * (schema["maxLength"] + 1), is_good=False)
    if "pattern" in schema:
        yield Probe("a b", is_good=False)


def _integers(schema: Schema) -> Iterator[Probe]:
    least, most = schema["minimum"], schema["maximum"]
    for value in (least, most):
        yield Probe(value, is_good=True)
    for wrong in (least - 1, most + 1, 1.5, "1", True):
        yield Probe(wrong, is_good=False)


def _arrays(schema: Schema) -> Iterator[Probe]:
    item = sample(schema["items"])
    least, most = schema["minItems"], schema["maxItems"]
    yield Probe({}, is_good=False)
    yield Probe([item] * most, is_good=True)
    yield Probe([item] * (most + 1), is_good=False)
    yield Probe([], is_good=least == 0)
    for probe in probes(schema["items"], item):
        joined = f"[0].{probe.field}".rstrip(".")
        yield Probe([probe.value], probe.is_good, joined)


def objects(schema: Schema, value: Mapping[str, Any]) -> Iterator[Probe]:
    """Vary an object: its members, one too many, one missing."""
    if "properties" not in schema:
        yield from _mappings(schema)
        return
    ignores = schema["additionalProperties"] is True
    yield Probe({**value, "no_such_member": 1}, is_good=ignores, field="no_such_member")
    for name in schema.get("required", ()):
        left = {key: member for key, member in value.items() if key != name}
        yield Probe(left, is_good=False, field=name)
    for name, member in schema["properties"].items():
        if name in value:
            for probe in probes(member, value[name]):
                yield probe.within(value, name)


def _mappings(schema: Schema) -> Iterator[Probe]:
    most = schema["maxProperties"]
    if schema["additionalProperties"] is True:
        yield Probe({f"k {number}": number for number in range(most)}, is_good=True)
        yield Probe({f"k {number}": number for number in range(most + 1)}, is_good=False)
        return
    member = sample(schema["additionalProperties"])
    yield Probe({f"k{number}": member for number in range(most)}, is_good=True)
    yield Probe({f"k{number}": member for number in range(most + 1)}, is_good=False)
    yield Probe({"a b": member}, is_good=False)
    yield Probe({"k": 7}, is_good=False)


def shown(probe: Probe) -> str:
    """Write a probe so that a failure can be read."""
    return json.dumps(probe.value)[:200]
