"""What a question knows beyond its query: the facts around it, and the time."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from broker.model.fact import Thing
from broker.model.tool import Tool
from broker.policy.entity import EntityName
from broker.policy.hours import TIME, time_facts
from broker.policy.named import entity_name
from broker.policy.things import WORK
from broker.policy.vocabulary import Record, Type, Vocabulary

TOOL: Final = "tool"
"""What the tool that the caller speaks of is called in a context."""

_TYPES: Final = {"work": WORK.type, "tickets": "Set<Ticket>", "behalf": "Person"}


class Known(NamedTuple):
    """What the schema knows of it, for one action: names, and the parts of the time and of a tool.

    ``looked_at`` are the names that any policy mentions.
    """

    names: frozenset[str] = frozenset()
    time: frozenset[str] = frozenset()
    tool: frozenset[str] = frozenset()
    looked_at: frozenset[str] = frozenset()

    def seen_by(self, names: Collection[str] | None) -> "Known":
        """Say which parts of a context policies mention; None stands for all."""
        seen = self.names if names is None else self.names.intersection(names)
        return self._replace(looked_at=seen)


class Spoken(NamedTuple):
    """A tool that the caller speaks of, and what is registered under its name, if anything is."""

    said: Tool
    thing: Thing | None = None

    @property
    def agrees(self) -> bool:
        """Tell whether a registered tool comes from where the caller says."""
        return self.thing is not None and self.said.comes_from(self.thing.origin)


class Around(NamedTuple):
    """The task's tickets and its person, as far as they are registered, and the instant."""

    known: Known = Known()
    tickets: tuple[EntityName, ...] = ()
    behalf: EntityName | None = None
    now_ms: int = 0
    tool: Spoken | None = None

    def context(self, names: Collection[str]) -> dict[str, object]:
        """Return what there is of these names."""
        absent = {"behalf": self.behalf is None, TOOL: self.tool is None}
        return {name: PARTS[name](self) for name in names if not absent.get(name)}


def _time(around: Around) -> dict[str, object]:
    seen = time_facts(around.now_ms)
    return {name: seen[name] for name in seen if name in around.known.time}


def _tool(around: Around) -> dict[str, object]:
    spoken = around.tool
    if spoken is None:
        return {}
    said: dict[str, object] = {**spoken.said.told(), "originAgrees": spoken.agrees}
    if spoken.thing is not None:
        said["registered"] = entity_name(spoken.thing.ref).as_value()
    return {name: said[name] for name in said if name in around.known.tool}


PARTS: Final[Mapping[str, Callable[[Around], object]]] = {
    "work": lambda _: WORK.as_value(),
    "tickets": lambda around: [name.as_value() for name in around.tickets],
    "behalf": lambda around: around.behalf.as_value() if around.behalf else None,
    TIME: _time,
    TOOL: _tool,
}
"""Everything that a context may have of it, and how it follows."""

NOTHING: Final = Around()


def known_of(vocabulary: Vocabulary, action: str) -> Known:
    """Return what a schema knows of an action's surroundings."""
    context: Record = vocabulary.context(action)
    names = {name for name, type_ in _TYPES.items() if context.get(name) == type_}
    parts = {name: _parts(context.get(name)) for name in (TIME, TOOL)}
    found = {name for name, known in parts.items() if known}
    return Known(frozenset(names | found), parts[TIME], parts[TOOL])


def _parts(type_: Type | None) -> frozenset[str]:
    """Return the attributes of a record; none where it is anything else."""
    return frozenset() if type_ is None or isinstance(type_, str) else frozenset(type_)
