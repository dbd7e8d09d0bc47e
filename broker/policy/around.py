"""What a question knows beyond its query: the facts around it, and the time."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from broker.policy.entity import EntityName
from broker.policy.hours import TIME, time_facts
from broker.policy.things import WORK
from broker.policy.vocabulary import Record, Vocabulary

_TYPES: Final = {"work": WORK.type, "tickets": "Set<Ticket>", "behalf": "Person"}


class Known(NamedTuple):
    """What the schema knows of it, for one action: names, and the parts of the time.

    ``looked_at`` are the names that any policy mentions.
    """

    names: frozenset[str] = frozenset()
    time: frozenset[str] = frozenset()
    looked_at: frozenset[str] = frozenset()

    def seen_by(self, names: Collection[str] | None) -> "Known":
        """Say which parts of a context policies mention; None stands for all."""
        seen = self.names if names is None else self.names.intersection(names)
        return self._replace(looked_at=seen)


class Around(NamedTuple):
    """The task's tickets and its person, as far as they are registered, and the instant."""

    known: Known = Known()
    tickets: tuple[EntityName, ...] = ()
    behalf: EntityName | None = None
    now_ms: int = 0

    def context(self, names: Collection[str]) -> dict[str, object]:
        """Return what there is of these names."""
        return {name: PARTS[name](self) for name in names if name != "behalf" or self.behalf}


def _time(around: Around) -> dict[str, object]:
    seen = time_facts(around.now_ms)
    return {name: seen[name] for name in seen if name in around.known.time}


PARTS: Final[Mapping[str, Callable[[Around], object]]] = {
    "work": lambda _: WORK.as_value(),
    "tickets": lambda around: [name.as_value() for name in around.tickets],
    "behalf": lambda around: around.behalf.as_value() if around.behalf else None,
    TIME: _time,
}
"""Everything that a context may have of it, and how it follows."""

NOTHING: Final = Around()


def known_of(vocabulary: Vocabulary, action: str) -> Known:
    """Return what a schema knows of an action's surroundings."""
    context: Record = vocabulary.context(action)
    names = {name for name, type_ in _TYPES.items() if context.get(name) == type_}
    time = context.get(TIME)
    if isinstance(time, str) or time is None:
        return Known(frozenset(names))
    return Known(frozenset(names | {TIME}), frozenset(time))
