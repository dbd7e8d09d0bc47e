"""What is above a few roots: all that a decision about them may depend on, and nothing else.

Making one costs what the roots reach, whatever else is known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from broker.errors import TooManyFactsError
from broker.facts.review import review_ends_ms
from broker.model.fact import Ref, Relationship, Thing, ThingKind

MAX_THINGS: Final = 5_000
MAX_EDGES: Final = 20_000
MAX_DEPTH: Final = 32


class Known(Protocol):
    """What is asked of the facts."""

    @property
    def revision(self) -> int:
        """Which ones they are."""
        ...

    def thing(self, ref: Ref) -> Thing | None:
        """Return a thing."""
        ...

    def counting(self, ref: Ref, now_ms: int) -> Iterator[Relationship]:
        """Yield what counts of a thing's relationships."""
        ...

    def owner_stands(self, ref: Ref) -> bool:
        """Tell whether nothing is to be said against an owner."""
        ...


@dataclass(frozen=True, slots=True)
class Slice:
    """The roots that are known, and everything above them.

    A root that does not stand is there, with its attributes and without parents; what stands above
    is there with both. ``owners`` says of each agent whether its owner stands. ``until_ms`` is the
    first instant at which time alone makes it another slice: something expires, or a review is
    overdue; 0 is never.
    """

    revision: int
    things: Mapping[Ref, Thing]
    parents: Mapping[Ref, tuple[Ref, ...]]
    owners: Mapping[Ref, bool]
    until_ms: int

    def says_the_same(self, other: "Slice") -> bool:
        """Tell whether a decision cannot differ between the two, whatever their revisions."""
        mine = (self.things, self.owners, _as_sets(self.parents))
        return mine == (other.things, other.owners, _as_sets(other.parents))


def slice_of(facts: Known, roots: Iterable[Ref], now_ms: int) -> Slice:
    """Take what is above the roots.

    Raises:
        TooManyFactsError: it is too much to decide on. Nothing is ever cut off.
    """
    walk = _Walk(facts, now_ms)
    walk.follow(dict.fromkeys(roots))
    return walk.finish()


class _Walk:
    def __init__(self, facts: Known, now_ms: int) -> None:
        self._facts = facts
        self._now_ms = now_ms
        self._things: dict[Ref, Thing] = {}
        self._parents: dict[Ref, tuple[Ref, ...]] = {}
        self._edges = 0
        self._until_ms = 0

    def follow(self, level: Iterable[Ref]) -> None:
        for _ in range(MAX_DEPTH + 1):
            following: dict[Ref, None] = {}
            for ref in level:
                following |= dict.fromkeys(self._enter(ref))
            level = [ref for ref in following if ref not in self._things]
            if not level:
                return
        raise TooManyFactsError(f"more than {MAX_DEPTH} relationships one after the other")

    def _enter(self, ref: Ref) -> tuple[Ref, ...]:
        thing = self._facts.thing(ref)
        if thing is None:
            return ()
        self._things[ref] = thing
        self._note_instant(review_ends_ms(thing) if thing.kind is ThingKind.AGENT else 0)
        parents = self._parents[ref] = tuple(dict.fromkeys(self._objects(ref)))
        if len(self._things) > MAX_THINGS or self._edges > MAX_EDGES:
            message = (
                f"more than {MAX_THINGS} things or {MAX_EDGES} relationships above one request"
            )
            raise TooManyFactsError(message)
        return parents

    def _objects(self, ref: Ref) -> Iterator[Ref]:
        for edge in self._facts.counting(ref, self._now_ms):
            self._edges += 1
            self._note_instant(edge.expires_at_ms)
            yield edge.object

    def _note_instant(self, at_ms: int) -> None:
        if at_ms > self._now_ms:
            self._until_ms = min(at_ms, self._until_ms or at_ms)

    def finish(self) -> Slice:
        agents = (ref for ref in self._things if ref.kind is ThingKind.AGENT)
        owners = {ref: self._facts.owner_stands(ref) for ref in agents}
        return Slice(self._facts.revision, self._things, self._parents, owners, self._until_ms)


def _as_sets(parents: Mapping[Ref, tuple[Ref, ...]]) -> dict[Ref, frozenset[Ref]]:
    return {ref: frozenset(above) for ref, above in parents.items()}
