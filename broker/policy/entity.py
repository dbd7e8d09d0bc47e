"""What policy knows of the registered: entities, made once from the published bundle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Attribute = str | int | bool | tuple[str, ...]
"""Nothing nests: a record could be taken for more than it is (see ``caller_map``)."""


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
            "attrs": dict(self.attributes),
            "parents": [parent.to_json() for parent in self.parents],
        }
