"""Reading and changing the trees of policies."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from cedarpy import PolicySet, pst

from broker.policy.probes import parts_of

Atom = tuple[pst.Expr, bool]
"""An expression, and whether the policy applies only while it is true (or only while it is not)."""


def nodes(node: object) -> Iterator[object]:
    """Yield a node and everything below it."""
    yield node
    for part in children(node):
        yield from nodes(part)


def children(node: object) -> Iterator[object]:
    """Yield what is directly below a node."""
    if dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            yield from _spread(getattr(node, field.name))


def _spread(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from value
    else:
        yield value


def rewritten(node: object, change: Callable[[object], object | None]) -> object:
    """Return a tree in which some nodes are others: those that ``change`` has another for."""
    other = change(node)
    if other is not None:
        return other
    if isinstance(node, Mapping):
        return pst.FrozenMap({name: rewritten(each, change) for name, each in node.items()})
    if isinstance(node, tuple):
        return tuple(rewritten(each, change) for each in node)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        names = [field.name for field in dataclasses.fields(node)]
        parts = {name: rewritten(getattr(node, name), change) for name in names}
        return dataclasses.replace(node, **parts)
    return node


def written(template: pst.Template) -> str:
    """Write a policy as text."""
    alone = dataclasses.replace(template, id="p")
    return str(PolicySet.from_pst(pst.PolicySet({}, {"p": alone}, ())))


def atoms(template: pst.Template) -> list[Atom]:
    """Return what all has to be so for a policy to apply, each by itself."""
    parts = [part for clause in template.clauses for part in parts_of(clause)]
    return [_plain(part.expr, isinstance(part, pst.When)) for part in parts]


def _plain(expression: pst.Expr, is_wanted: bool) -> Atom:  # noqa: FBT001 - half of a pair
    while isinstance(expression, pst.UnaryOp) and expression.op == "not":
        expression, is_wanted = expression.arg, not is_wanted
    if isinstance(expression, pst.BinaryOp) and expression.op == "not_eq":
        expression = cast("pst.Expr", dataclasses.replace(expression, op="eq"))
        is_wanted = not is_wanted
    return expression, is_wanted
