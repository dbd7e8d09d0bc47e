"""What a schema knows: types of entities with their attributes and parents, and contexts.

A schema of before facts is in force until somebody publishes a newer one. What it does not know is
not shown to it, as Cedar refuses entities and requests that have more than their schema says. Cedar
does not tell what a schema holds, but writes it out in one regular form, which is read here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cedarpy import Schema

_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z0-9_]+)*|\S')

Record = Mapping[str, "Type"]
"""The attributes of a record, whether they must be there or may."""

Type = str | Record
"""A record, or how the schema writes the type: ``String``, ``Set<Ticket>``, ``Person``."""

_EMPTY: Final[Record] = {}


@dataclass(frozen=True, slots=True)
class EntityShape:
    """One type of entity: its attributes, and the types that it may be directly in."""

    attributes: Record
    parents: frozenset[str]


class Vocabulary:
    """What one schema knows."""

    def __init__(self, schema: Schema) -> None:
        reading = _Reading(str(schema))
        reading.declarations()
        self._reading = reading
        self._entities = {name: self._shape(name) for name in reading.entities}
        self._contexts = {name: self._record(context) for name, context in reading.contexts.items()}

    def entity(self, type_: str) -> EntityShape | None:
        """Return what is known of a type, or None when the schema has no such type."""
        return self._entities.get(type_)

    def context(self, action: str) -> Record:
        """Return what the context of an action may have."""
        return self._contexts.get(action, _EMPTY)

    def _shape(self, name: str) -> EntityShape:
        attributes, parents = self._reading.entities[name]
        return EntityShape(self._record(attributes), parents)

    def _record(self, type_: Type) -> Record:
        meant = self._meant(type_)
        if isinstance(meant, str):
            return _EMPTY
        return {name: self._meant(each) for name, each in meant.items()}

    def _meant(self, type_: Type) -> Type:
        """Follow a name to what it stands for."""
        seen: set[str] = set()
        while isinstance(type_, str) and type_ in self._reading.types and type_ not in seen:
            seen.add(type_)
            type_ = self._reading.types[type_]
        return type_


def _read(text: str) -> "_Reading":
    """Read a schema. One that is written otherwise than any known one counts as one of before."""
    reading = _Reading(text)
    try:
        reading.declarations()
    except ValueError:
        return _Reading("")
    return reading


class _Reading:
    """Reads a schema as Cedar writes it. The broker fills in nothing that is in a namespace."""

    def __init__(self, text: str) -> None:
        self._words: list[str] = _WORD.findall(text)
        self._at = 0
        self.types: dict[str, Type] = {}
        self.entities: dict[str, tuple[Type, frozenset[str]]] = {}
        self.contexts: dict[str, Type] = {}

    def declarations(self) -> None:
        """Read everything."""
        while self._at < len(self._words):
            match self._take():
                case "type":
                    name = self._take()
                    self._take()  # =
                    self.types[name] = self._type()
                case "entity":
                    self._entity()
                case "action":
                    self._action()
                case "namespace":
                    self._skip_braces()
                case "@":
                    self._skip_annotation()
                case _:
                    pass  # what ends a declaration

    def _entity(self) -> None:
        names = list(self._names())
        parents: frozenset[str] = frozenset()
        attributes: Type = _EMPTY
        while (word := self._take()) != ";":
            if word == "in":
                parents = frozenset(self._listed())
            elif word == "{":
                self._at -= 1
                attributes = self._type()
        for name in names:
            self.entities[name] = (attributes, parents)

    def _action(self) -> None:
        names = [_plain(name) for name in self._names()]
        context: Type = _EMPTY
        while (word := self._take()) != ";":
            if word == "context":
                self._take()  # :
                context = self._type()
        for name in names:
            self.contexts[name] = context

    def _names(self) -> Iterator[str]:
        yield self._take()
        while self._next() == ",":
            self._take()
            yield self._take()

    def _listed(self) -> Iterator[str]:
        if self._next() != "[":
            yield self._take()
            return
        while (word := self._take()) != "]":
            if word not in "[,":
                yield word

    def _type(self) -> Type:
        word = self._take()
        if word == "{":
            return dict(self._attributes())
        if self._next() != "<":
            return word.removeprefix("__cedar::")
        self._take()
        inner = self._type()
        self._take()  # >
        return f"{word}<{inner if isinstance(inner, str) else '{}'}>"

    def _attributes(self) -> Iterator[tuple[str, Type]]:
        while (word := self._take()) != "}":
            if word == ",":
                continue
            while word == "@":
                self._skip_annotation()
                word = self._take()
            while self._take() != ":":
                pass  # the ? of what may be absent
            yield _plain(word), self._type()

    def _skip_annotation(self) -> None:
        """Pass over its name, and the text in brackets that may follow."""
        self._take()
        if self._next() == "(":
            self._at += 3

    def _skip_braces(self) -> None:
        depth = 0
        while self._at < len(self._words):
            word = self._take()
            depth += (word == "{") - (word == "}")
            if word == "}" and not depth:
                return

    def _next(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _take(self) -> str:
        if self._at >= len(self._words):
            raise ValueError("the schema ends within a declaration")
        self._at += 1
        return self._words[self._at - 1]


def _plain(name: str) -> str:
    return name[1:-1] if name.startswith('"') else name
