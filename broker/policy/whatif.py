"""What could be otherwise about a question and the facts that it is answered by."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from broker.facts.change import Change, ChangeSet, HoldThing, LiftHold, PutThing, Relate, Unrelate
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.policy.query import Query

_WHO: Final = "operator:what-if"


@dataclass(frozen=True, slots=True)
class WithoutScope:
    """One scope less is asked for."""

    scope: str

    @property
    def place(self) -> Hashable:
        """That scope."""
        return ("scope", self.scope)

    def __str__(self) -> str:
        """Say it."""
        return f"ask without the scope {self.scope}"


@dataclass(frozen=True, slots=True)
class ShorterTtl:
    """It is asked for a shorter time."""

    seconds: int

    @property
    def place(self) -> Hashable:
        """The time."""
        return ("ttl",)

    def __str__(self) -> str:
        """Say it."""
        return f"ask for {self.seconds} seconds at most"


@dataclass(frozen=True, slots=True)
class OtherFact:
    """The log of facts says something else."""

    change: Change

    @property
    def place(self) -> Hashable:
        """The thing or relationship."""
        match self.change:
            case PutThing(thing=thing):
                return ("thing", thing.ref)
            case Relate(relationship=relationship):
                return ("relationship", relationship.key)
            case Unrelate():
                return ("relationship", self.change.key)
            case _:
                return ("hold", self.change.ref)

    def __str__(self) -> str:
        """Say it."""
        match self.change:
            case PutThing(thing=thing):
                said = ", ".join(
                    f"{name} {getattr(thing, name)}"
                    for name in ("status", "risk", "data_class")
                    if getattr(thing, name)
                )
                return f"{thing.ref} is registered: {said}"
            case Relate(relationship=relationship):
                return f"{relationship.key}"
            case Unrelate():
                return f"no longer: {self.change.key}"
            case HoldThing(ref=ref):
                return f"{ref} is held"
            case LiftHold(ref=ref):
                return f"the hold on {ref} is lifted"
            case _:
                return f"{self.change.ref} is forgotten"


Step = WithoutScope | ShorterTtl | OtherFact


@dataclass(frozen=True, slots=True)
class Situation:
    """A question, and the facts that it is answered by. ``now_ms`` is when."""

    query: Query
    facts: Facts
    now_ms: int

    def after(self, steps: Iterable[Step]) -> "Situation | None":
        """Return what it would be after some steps; None if it cannot come to that."""
        query, changes = self.query, []
        for step in steps:
            match step:
                case WithoutScope(scope=scope):
                    query = replace(query, scopes=query.scopes - {scope})
                case ShorterTtl(seconds=seconds):
                    query = replace(query, ttl_ms=seconds * 1000)
                case OtherFact(change=change):
                    changes.append(change)
        if self.query.scopes and not query.scopes:
            return None
        if not changes:
            return Situation(query, self.facts, self.now_ms)
        change_set = ChangeSet(_WHO, "what if", tuple(changes))
        if faults_of(self.facts, change_set, now_ms=self.now_ms):
            return None
        changed = self.facts.changed(change_set, self.facts.revision + 1)
        return Situation(query, changed, self.now_ms)
