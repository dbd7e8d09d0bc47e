"""YAML in which every value remembers its line, and in which nothing is hidden.

What is accepted is the plain part of YAML 1.2: mappings with unique text keys, lists, text, whole
and decimal numbers, ``true``, ``false`` and ``null``. Anchors, aliases, merge keys and tags are
refused, because what a reviewer reads must be what the broker reads. ``yes``, ``on``, ``1:30`` and
``2024-01-01`` are text, as YAML 1.2 has it. So the library's events are read here, not its nodes:
its own composer follows aliases, and its resolver is YAML 1.1's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from broker.errors import LocatedFault
from broker.settings.fault import Fault, Path, dotted
from broker.settings.plain_text import UnreadableTextError, plain_text

MAX_DEPTH: Final = 32
"""Deeper than any setting; keeps the recursion here far from the interpreter's limit."""

# 18 digits stay within what Lua and Cedar can hold; more is text, and ill-typed where it stands.
_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "false": False,
}


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line it starts on; a mapping's value starts on the line of its key."""

    value: "str | int | float | bool | list[Node] | dict[str, Node] | None"
    line: int

    def plain(self) -> object:
        """Return the value without its positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def line_of(self, path: Path) -> int:
        """Return the line of what the path leads to, or of the last part of it that exists."""
        node = self
        for step in path:
            inner = node.child(step)
            if inner is None:
                break
            node = inner
        return node.line

    def child(self, step: str | int) -> "Node | None":
        """Return the entry of a mapping or the item of a list, if there is one."""
        if isinstance(self.value, dict) and isinstance(step, str):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content, and what is wrong with its form. ``root`` is None when it has none."""

    file: str
    root: Node | None
    faults: tuple[LocatedFault, ...] = ()

    def locate(self, fault: Fault) -> LocatedFault:
        """Turn a fault's path into file and line."""
        line = self.root.line_of(fault.path) if self.root else 0
        return LocatedFault(self.file, line, dotted(fault.path), fault.message, fault.remedy)


def parse_yaml(raw: bytes, file: str) -> Document:
    """Read plain YAML. What is wrong comes back in ``faults``, never as an exception."""
    try:
        return _Reader(file).read(plain_text(raw))
    except UnreadableTextError as error:
        return unreadable(file, str(error), error.remedy, line=error.line)


def unreadable(file: str, message: str, remedy: str, *, line: int = 0) -> Document:
    """Make the document that stands for a file nothing could be read from."""
    return Document(file, None, (LocatedFault(file, line, "", message, remedy),))


class _RefusalError(Exception):
    """The file goes on in a way that is not worth reading."""

    def __init__(self, event: Event, message: str) -> None:
        super().__init__(message)
        self.line = _line(event)


class _Reader:
    """Builds nodes from the library's events, gathering faults on the way."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._faults: list[LocatedFault] = []
        self._events: Iterator[Event] = iter(())

    def read(self, text: str) -> Document:
        loader = yaml.SafeLoader(text)
        try:
            self._events = _events_of(loader)
            root = self._document()
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            return unreadable(self._file, f"not YAML: {error.problem}", "mend it", line=line)
        except yaml.YAMLError:
            return unreadable(self._file, "not YAML: unprintable characters", "remove them")
        except _RefusalError as error:
            return unreadable(self._file, str(error), "write it plainly", line=error.line)
        except (ValueError, OverflowError):  # the library takes numbers of any size in escapes
            message = "not YAML: a number that cannot be"
            return unreadable(self._file, message, "mend it", line=loader.line + 1)
        if root is None:
            return unreadable(self._file, "empty", "write down what it should hold")
        return Document(self._file, root, tuple(self._faults))

    def _document(self) -> Node | None:
        next(self._events)  # the start of the stream says nothing
        if isinstance(next(self._events), StreamEndEvent):
            return None
        root = self._node(next(self._events), (), 0)
        self._expect(DocumentEndEvent)
        after = next(self._events)
        if isinstance(after, DocumentStartEvent):
            raise _RefusalError(after, "a second document in one file")
        return root

    def _expect(self, kind: type[Event]) -> None:
        event = next(self._events)
        if not isinstance(event, kind):
            raise _RefusalError(event, "misplaced content")

    def _node(self, event: Event, path: Path, line: int) -> Node:
        if len(path) > MAX_DEPTH:
            raise _RefusalError(event, "nested too deeply")
        line = line or _line(event)
        self._refuse_indirection(event, path)
        if isinstance(event, MappingStartEvent):
            return Node(self._mapping(path), line)
        if isinstance(event, SequenceStartEvent):
            return Node(self._sequence(path), line)
        return Node(self._scalar(event, path), line)

    def _refuse_indirection(self, event: Event, path: Path) -> None:
        if isinstance(event, AliasEvent):
            self._fault(event, path, "an alias, which is not read")
        elif isinstance(event, NodeEvent) and event.anchor is not None:
            self._fault(event, path, "an anchor, which is not read")
        if getattr(event, "tag", None) is not None:
            self._fault(event, path, "a tag, which is not read")

    def _scalar(self, event: Event, path: Path) -> str | int | float | bool | None:
        """Read a value. An escape may bring in half of a surrogate pair, which is no text."""
        value = _scalar(event)
        if isinstance(value, str) and _SURROGATE.search(value):
            self._fault(event, path, "an escape that is no character", "leave it out")
            return _SURROGATE.sub("?", value)
        return value

    def _sequence(self, path: Path) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), 0))
        return items

    def _mapping(self, path: Path) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            name = self._node(event, (*path, "?"), 0).value
            key = name if isinstance(name, str) else "?"
            value = self._node(next(self._events), (*path, key), _line(event))
            if not isinstance(name, str) or name == "<<":
                self._fault(event, path, "a key that is not plain text", "write it as text")
            elif name in entries:
                self._fault(event, (*path, name), "this key is there twice", "keep one of them")
            else:
                entries[name] = value
        return entries

    def _fault(
        self, event: Event, path: Path, message: str, remedy: str = "write the value out here"
    ) -> None:
        fault = LocatedFault(self._file, _line(event), dotted(path), message, remedy)
        self._faults.append(fault)


def _events_of(loader: yaml.SafeLoader) -> Iterator[Event]:
    while loader.check_event():
        event: Event = loader.get_event()  # type: ignore[no-untyped-call]  # the stubs forgot it
        yield event


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _scalar(event: Event) -> str | int | float | bool | None:
    if not isinstance(event, ScalarEvent):
        return None
    text = str(event.value)
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
