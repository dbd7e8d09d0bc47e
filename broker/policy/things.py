"""From facts to entities: what policies can read of a thing, as far as their schema knows it.

A schema of before facts is shown what it always was.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from broker.facts.relations import stands_by_itself
from broker.facts.review import is_overdue
from broker.model.fact import Ref, Thing
from broker.policy.entity import Attribute, Entity, EntityName
from broker.policy.named import entity_name
from broker.policy.vocabulary import Vocabulary

AGENT: Final = "Agent"
WORK: Final = EntityName("Task", "this")
"""The task at hand. Its id says nothing, so that tasks which are in the same tickets are alike."""

_OF_OLD: Final = frozenset({"tenant", "owner", "purpose", "status", "risk"})
"""What every schema knows of an agent."""

_GROUPS_OF_OLD: Final = frozenset({"Team"})

_NOTHING_AGAINST: Final[Mapping[str, Attribute]] = {"ownerStands": True, "reviewOverdue": False}


class Things:
    """Makes entities of things, for one schema."""

    def __init__(self, vocabulary: Vocabulary, base: Iterable[Entity]) -> None:
        self._vocabulary = vocabulary
        self.base: Mapping[EntityName, Entity] = {
            entity.name: self._completed(entity) for entity in base
        }
        """The registered of the bundle, as they are while no fact says otherwise."""

    def knows(self, name: EntityName) -> bool:
        """Tell whether the schema has the type of this name."""
        return self._vocabulary.entity(name.type) is not None

    def agent(
        self, thing: Thing, parents: Iterable[Ref], *, owner_stands: bool, now_ms: int
    ) -> Entity:
        """Make an agent's entity."""
        name = entity_name(thing.ref)
        of_base = self.base.get(name)
        said = _said_of_agent(thing) if of_base is None else of_base.attributes
        judged: dict[str, Attribute] = {
            "ownerStands": owner_stands,
            "reviewOverdue": is_overdue(thing, now_ms),
        }
        if thing.review_by:
            judged["reviewBy"] = thing.review_by
        if thing.identities:
            judged["identities"] = tuple(sorted(thing.identities))
        return Entity(name, self._known(AGENT, {**said, **judged}), self._parents(name, parents))

    def other(self, thing: Thing, parents: Iterable[Ref]) -> Entity:
        """Make the entity of anything but an agent."""
        name = entity_name(thing.ref)
        said: dict[str, Attribute] = {"status": thing.status, "stands": stands_by_itself(thing)}
        stated = {"owner": thing.owner, "purpose": thing.purpose, "dataClass": thing.data_class}
        stated |= {"origin": thing.origin}
        said |= {key: value for key, value in stated.items() if value}
        return Entity(name, self._known(name.type, said), self._parents(name, parents))

    def unknown(self, name: EntityName) -> Entity:
        """Make the entity of a thing that nobody registered: it can be asked for."""
        return Entity(name, self._known(name.type, {"status": "unknown", "stands": False}))

    def capability(self, name: str, about: EntityName | None) -> Entity | None:
        """Make the entity of a registered capability, with what it is about."""
        entity = self.base.get(EntityName("Capability", name))
        if entity is None or about is None:
            return entity
        shape = self._vocabulary.entity("Capability")
        attribute = about.type.lower()
        if shape is None or shape.attributes.get(attribute) != about.type:
            return entity
        return Entity(entity.name, {**entity.attributes, attribute: about}, entity.parents)

    def _completed(self, entity: Entity) -> Entity:
        if entity.name.type != AGENT:
            return entity
        attributes = self._known(AGENT, {**_NOTHING_AGAINST, **entity.attributes}, entity)
        return Entity(entity.name, attributes, tuple(sorted(entity.parents)))

    def _known(
        self, type_: str, said: Mapping[str, Attribute], given: Entity | None = None
    ) -> dict[str, Attribute]:
        """Leave out what the schema does not know; what was ``given`` is its giver's business."""
        shape = self._vocabulary.entity(type_)
        known = set(shape.attributes) if shape else set()
        known |= _OF_OLD if type_ == AGENT else set()
        known |= set(given.attributes) if given else set()
        return {name: said[name] for name in sorted(said) if name in known}

    def _parents(self, name: EntityName, parents: Iterable[Ref]) -> tuple[EntityName, ...]:
        shape = self._vocabulary.entity(name.type)
        known = shape.parents if shape else _GROUPS_OF_OLD
        names = set(map(entity_name, parents))
        return tuple(sorted(parent for parent in names if parent.type in known))


def _said_of_agent(thing: Thing) -> dict[str, Attribute]:
    said: dict[str, Attribute] = {
        "tenant": thing.tenant,
        "owner": thing.owner,
        "purpose": thing.purpose,
        "status": thing.status,
    }
    return said | {"risk": thing.risk} if thing.risk else said
