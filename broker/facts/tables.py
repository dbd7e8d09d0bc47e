"""What the log says, indexed both ways; without the bundle below it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from broker.facts.change import Change, HoldThing, PutThing, Relate
from broker.facts.shards import Shards
from broker.model.fact import Hold, Ref, Relationship, Thing


@dataclass(frozen=True, slots=True)
class Tables:
    """Things and holds by name, relationships by subject, and the ways back.

    ``below`` has the subjects of what relates to a thing, each once; ``owned`` the things that
    name it as their owner; ``agents`` where an agent of that name is, ``held_agents`` where the
    hold on an agent of that name was given: a name has one at most, wherever its agent goes.
    """

    things: Shards[Ref, Thing] = field(default_factory=Shards)
    holds: Shards[Ref, Hold] = field(default_factory=Shards)
    above: Shards[Ref, tuple[Relationship, ...]] = field(default_factory=Shards)
    below: Shards[Ref, tuple[Ref, ...]] = field(default_factory=Shards)
    owned: Shards[Ref, tuple[Ref, ...]] = field(default_factory=Shards)
    agents: Shards[str, Ref] = field(default_factory=Shards)
    held_agents: Shards[str, Ref] = field(default_factory=Shards)
    relationships: int = 0

    def changes(self) -> Iterator[Change]:
        """Yield what builds the same tables out of nothing, taken exactly."""
        yield from map(PutThing, self.things.values())
        for edges in self.above.values():
            yield from map(Relate, edges)
        for ref, hold in self.holds.items():
            yield HoldThing(ref, hold)
