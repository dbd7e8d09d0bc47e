"""What of a request's context the policies can see at all.

A Cedar policy is a pure function of principal, action, resource, entities and context. A part of
the context that no policy mentions cannot change any answer; so two requests that agree in all that
is mentioned have the same answer, and it may be remembered (``docs/adr/0010``).

The analysis errs on one side only: where a policy uses a record as a whole, all of it counts.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cedarpy import pst

Path = tuple[str, ...]

_Tree = dict[str, "_Tree"]
"""The mentioned attributes of a record; one without any of its own is mentioned as a whole."""

_ABSENT: Final = ("absent",)
"""Stands for a missing attribute: no attribute's own key is a tuple of one text."""


class Relevance:
    """The mentioned parts of the context, and keys that tell requests apart by them alone."""

    def __init__(self, policies: Iterable[pst.Template]) -> None:
        mentioned = {path for policy in policies for path in _mentioned(policy)}
        self.paths = tuple(sorted(path for path in mentioned if not _is_covered(path, mentioned)))
        self._tree = _tree(self.paths)

    def cut(self, context: dict[str, object]) -> dict[str, object]:
        """Return the context without what no policy mentions: every policy says the same of both.

        Records stay where anything within them is mentioned, also when nothing of that is there.
        """
        return context if self._tree is None else _cut(context, self._tree)

    def key(self, context: dict[str, object]) -> tuple[object, ...]:
        """Return what the policies can see of a context, as a hashable value."""
        return tuple(_at(context, path) for path in self.paths)


def _is_covered(path: Path, others: set[Path]) -> bool:
    return any(path[:length] in others for length in range(len(path)))


def _tree(paths: Iterable[Path]) -> _Tree | None:
    """Arrange paths, of which none covers another, by their steps; None stands for everything."""
    tree: _Tree = {}
    for path in paths:
        if not path:
            return None
        below = tree
        for name in path:
            below = below.setdefault(name, {})
    return tree


def _cut(record: dict[str, object], tree: _Tree) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, below in tree.items():
        if name in record:
            value = record[name]
            kept[name] = _cut(value, below) if below and isinstance(value, dict) else value
    return kept


def _at(value: object, path: Path) -> object:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return _ABSENT
        value = value[name]
    return _frozen(value)


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return tuple((name, _frozen(value[name])) for name in sorted(value))
    if isinstance(value, list):
        return ("list", *map(_frozen, value))
    # 1 and True are equal as keys and are not as facts.
    return (type(value).__name__, value)


def _mentioned(node: object) -> Iterator[Path]:
    """Walk a policy's tree and yield each path into the context that it reads."""
    path = _path(node)
    if path is not None:
        yield path
    elif isinstance(node, pst.GetAttr | pst.HasAttr):
        yield from _mentioned(node.base)
    elif not isinstance(node, str | int | None):
        for part in _parts(node):
            yield from _mentioned(part)


def _parts(node: object) -> Iterable[object]:
    if dataclasses.is_dataclass(node):
        return [getattr(node, field.name) for field in dataclasses.fields(node)]
    if isinstance(node, Mapping):
        return node.values()
    if isinstance(node, Sequence):
        return node
    # A node of a later Cedar that is not known here might hide a mention: all of it counts.
    return [pst.Var("context")]


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
