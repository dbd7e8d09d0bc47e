"""What of a request's context the policies can see at all.

A Cedar policy is a pure function of principal, action, resource, entities and context. A part of
the context that no policy mentions cannot change any answer; and of a part that is only tested (is
this set empty, is this number below 600) nothing but the outcome of the test can. So two requests
that agree in all of this have the same answer, and it may be remembered (``docs/adr/0010``).

The analysis errs on one side only: what it does not know counts as it is, in full.
"""

import dataclasses
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from cedarpy import pst

Path = tuple[str, ...]
_Tree = dict[str, "_Tree"]
"""The attributes of a record that are looked at; one without any of its own is taken whole."""

Plain = str | int | bool

_ABSENT: Final = ("absent",)
"""Stands for a missing attribute: no attribute's own key is a tuple of one text."""

_NUMBER_TESTS: Final[dict[str, Callable[[int, int], bool]]] = {
    "less": operator.lt,
    "less_eq": operator.le,
    "greater": operator.gt,
    "greater_eq": operator.ge,
}
_MIRRORED: Final = {
    "less": "greater",
    "less_eq": "greater_eq",
    "greater": "less",
    "greater_eq": "less_eq",
}
_ENTITY: Final = "__entity"
"""What alone a record holds that stands for an entity. No caller can send one (``caller_map``)."""

_EMPTY: Final = "is_empty"
_CONTAINS: Final = "contains"


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One way in which policies look at the context.

    ``test`` is empty when they take the value at ``path`` as it is; otherwise they see only whether
    the test, against ``literal``, holds.
    """

    path: Path
    test: str = ""
    literal: Plain = 0

    def sees(self, context: dict[str, object]) -> object:
        """Return what policies can see, as a hashable value."""
        value: object = context
        for name in self.path:
            if not isinstance(value, dict):
                return _ABSENT
            if name not in value:
                # Of an entity counts which one it is: its attributes are the engine's own facts.
                return _frozen(value) if _ENTITY in value else _ABSENT
            value = value[name]
        return self._outcome(value)

    def _outcome(self, value: object) -> object:
        if self.test == _EMPTY and isinstance(value, list):
            return not value
        if self.test == _CONTAINS and isinstance(value, list):
            return any(type(item) is str and item == self.literal for item in value)
        if self.test in _NUMBER_TESTS and type(value) is int and type(self.literal) is int:
            return _NUMBER_TESTS[self.test](value, self.literal)
        return _frozen(value)


class Relevance:
    """The ways in which policies look, and keys that tell requests apart by what is seen."""

    def __init__(self, policies: Iterable[pst.Template]) -> None:
        looks = {look for policy in policies for look in looks_of(policy)}
        whole = {look.path for look in looks if not look.test}
        seen = [look for look in looks if not _is_covered(look, whole)]
        self.looks = tuple(sorted(seen, key=lambda look: (look.path, look.test, str(look.literal))))
        self._tree = _tree({look.path for look in self.looks})
        self.names: Collection[str] | None = self._tree
        """The parts of the context that are looked at; None stands for all of them."""

    def cut(self, context: dict[str, object]) -> dict[str, object]:
        """Return the context without what no policy mentions: every policy says the same of both.

        Records stay where anything within them is mentioned, also when nothing of that is there.
        """
        return context if self._tree is None else _cut(context, self._tree)

    def key(self, context: dict[str, object]) -> tuple[object, ...]:
        """Return all that the policies can see of a context."""
        return tuple(look.sees(context) for look in self.looks)


def _is_covered(look: Look, whole: set[Path]) -> bool:
    above = {look.path[:length] for length in range(len(look.path))}
    return bool(above & whole) or (look.test != "" and look.path in whole)


def _tree(paths: set[Path]) -> _Tree | None:
    """Arrange paths by their steps; None stands for everything. A path takes in those below it."""
    tree: _Tree = {}
    for path in paths:
        if not path:
            return None
        if any(path[:length] in paths for length in range(len(path))):
            continue
        below = tree
        for name in path:
            below = below.setdefault(name, {})
    return tree


def _cut(record: dict[str, object], tree: _Tree) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, below in tree.items():
        if name in record:
            value = record[name]
            if below and isinstance(value, dict) and _ENTITY not in value:
                value = _cut(value, below)
            kept[name] = value
    return kept


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return tuple((name, _frozen(value[name])) for name in sorted(value))
    if isinstance(value, list):
        return ("list", *map(_frozen, value))
    # 1 and True are equal as keys and are not as facts.
    return (type(value).__name__, value)


def looks_of(node: object) -> Iterator[Look]:
    """Walk a policy's tree and yield each look at the context."""
    look = _look(node)
    if look is not None:
        yield look
    elif isinstance(node, pst.GetAttr | pst.HasAttr):
        yield from looks_of(node.base)
    elif not isinstance(node, str | int | None):
        for part in _parts(node):
            yield from looks_of(part)


def _parts(node: object) -> Iterable[object]:
    if dataclasses.is_dataclass(node):
        return [getattr(node, field.name) for field in dataclasses.fields(node)]
    if isinstance(node, Mapping):
        return node.values()
    if isinstance(node, Sequence):
        return node
    # A node of a later Cedar that is not known here might hide a look: all of it counts.
    return [pst.Var("context")]


def _look(node: object) -> Look | None:
    """Read an expression that looks at the context, or None if it is none by itself."""
    path = _path(node)
    if path is not None:
        return Look(path)
    match node:
        case pst.UnaryOp(op="is_empty", arg=inner):
            return _test(inner, _EMPTY, 0)
        case pst.BinaryOp(op="contains", left=inner, right=pst.StringLit(value=text)):
            return _test(inner, _CONTAINS, text)
        case pst.BinaryOp(op=op, left=inner, right=pst.LongLit(value=number)) if op in _MIRRORED:
            return _test(inner, op, number)
        case pst.BinaryOp(op=op, left=pst.LongLit(value=number), right=inner) if op in _MIRRORED:
            return _test(inner, _MIRRORED[op], number)
        case _:
            return None


def _test(inner: object, test: str, literal: Plain) -> Look | None:
    path = _path(inner)
    return None if path is None else Look(path, test, literal)


def _path(node: object) -> Path | None:
    """Return the path that an expression reads from the context, or None if it reads none."""
    match node:
        case pst.Var(name="context"):
            return ()
        case pst.GetAttr(base=base, attr=attribute):
            above = _path(base)
            return None if above is None else (*above, attribute)
        case pst.HasAttr(base=base, attrs=attributes):
            above = _path(base)
            return None if above is None else (*above, *attributes)
        case _:
            return None
