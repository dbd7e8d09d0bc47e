"""The registered above somebody: group by group, each once, however they are entangled."""

from collections.abc import Iterable, Mapping

from broker.policy.entity import Entity, EntityName


def with_all_above(
    names: Iterable[EntityName], known: Mapping[EntityName, Entity]
) -> tuple[Entity, ...]:
    """Return who is known of these, and everybody above them, in a fixed order."""
    found: dict[EntityName, Entity] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        entity = known.get(name)
        if entity is not None and name not in found:
            found[name] = entity
            waiting.extend(entity.parents)
    return tuple(found[name] for name in sorted(found))
