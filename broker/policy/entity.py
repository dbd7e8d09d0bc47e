"""What policy knows of the registered: entities, made once from the published bundle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class EntityName(NamedTuple):
    """What an entity is called. A tuple, because it is hashed several times for each decision."""

    type: str
    id: str

    def __str__(self) -> str:
        """Write it as in a policy: ``Agent::"invoice-bot"``."""
        return f"{self.type}::{json.dumps(self.id)}"

    def to_json(self) -> dict[str, str]:
        """Return the form that is not parsed again."""
        return {"type": self.type, "id": self.id}

    def as_value(self) -> dict[str, object]:
        """Return the form in which an attribute, or a part of a context, names an entity."""
        return {"__entity": self.to_json()}


Attribute = str | int | bool | tuple[str, ...] | EntityName
"""Nothing nests: a record could be taken for more than it is (see ``caller_map``)."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity, its attributes and the groups it is in."""

    name: EntityName
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    parents: tuple[EntityName, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return Cedar's form."""
        return {
            "uid": self.name.to_json(),
            "attrs": {name: _value(value) for name, value in self.attributes.items()},
            "parents": [parent.to_json() for parent in self.parents],
        }


def _value(value: Attribute) -> object:
    return value.as_value() if isinstance(value, EntityName) else value
