"""Small sets of entities that Cedar has read, kept by their text.

Reading one costs more than a decision; the same text is the same facts, under whatever revision.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from cedarpy import Entities, Schema

from broker.policy.bounded import Bounded
from broker.policy.entity import Entity
from broker.policy.handles import Handles, entities_text

MOST: Final = 4_000
MOST_ENTITIES: Final = 100_000
"""How many sets, and entities in all of them, are kept."""


class EntitySet(NamedTuple):
    """What Cedar is shown. ``serial`` names it: no two different sets ever bear one number."""

    serial: int
    entities: Entities
    size: int


class Parsed:
    """Reads sets of entities, each once while it is kept."""

    def __init__(self, handles: Handles, schema: Schema) -> None:
        self._handles = handles
        self._schema = schema
        self._kept: Bounded[str, EntitySet] = Bounded(MOST, MOST_ENTITIES)
        self._last = 0

    def read(self, entities: Sequence[Entity]) -> EntitySet:
        """Return what Cedar made of them.

        Raises:
            ValueError: they do not fit the schema.
        """
        text = entities_text(entities)
        known = self._kept.get(text)
        if known is not None:
            return known
        self._last += 1
        made = EntitySet(
            self._last, self._handles.entities_of_text(text, self._schema), len(entities)
        )
        self._kept.put(text, made, len(entities))
        return made
