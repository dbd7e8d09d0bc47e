"""Whether a policy's conditions can fail to be evaluated.

A policy that Cedar's validator accepts is well typed, and what is optional is asked for with
``has``. What can still go wrong at run time: whole numbers and times overflow, and an attribute is
read of an entity that is not there. A caller and what it asks for are always registered; any other
entity is there for certain only behind a ``has`` on it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cedarpy import Decision, is_authorized, pst

from broker.policy.lint.tree import children, nodes, written

Known = frozenset[pst.Expr]
"""Entities that are there whenever evaluation comes this far."""

_ARITHMETIC: Final = frozenset({"add", "sub", "mul", "neg"})
_TIMES: Final = frozenset({"offset", "duration_since", "to_date"})
_SURE: Final = frozenset({"principal", "resource", "context", "action"})


@dataclass(frozen=True, slots=True)
class Risk:
    """What can go wrong, and the expression that it goes wrong in."""

    what: str
    expression: pst.Expr


class Risks:
    """Finds what can go wrong in one policy.

    ``is_entity`` tells whether an attribute is read of an entity; all else is always there.
    """

    def __init__(self, is_entity: Callable[[pst.GetAttr], bool]) -> None:
        self._is_entity = is_entity

    def of(self, template: pst.Template) -> tuple[Risk, ...]:
        """Return every risk, each once."""
        known: Known = frozenset()
        found: list[Risk] = []
        for clause in template.clauses:
            found += self._within(clause.expr, known)
            holds = isinstance(clause, pst.When)
            known |= _there_if_true(clause.expr) if holds else _there_if_false(clause.expr)
        return tuple(dict.fromkeys(found))

    def _within(self, node: object, known: Known) -> Iterator[Risk]:
        match node:
            case pst.BinaryOp(op="and", left=left, right=right):
                yield from self._within(left, known)
                yield from self._within(right, known | _there_if_true(left))
            case pst.BinaryOp(op="or", left=left, right=right):
                yield from self._within(left, known)
                yield from self._within(right, known | _there_if_false(left))
            case pst.IfThenElse(cond=cond, then_expr=then, else_expr=other):
                yield from self._within(cond, known)
                yield from self._within(then, known | _there_if_true(cond))
                yield from self._within(other, known | _there_if_false(cond))
            case _:
                yield from self._here(node, known)
                for part in children(node):
                    yield from self._within(part, known)

    def _here(self, node: object, known: Known) -> Iterator[Risk]:
        match node:
            case pst.UnaryOp(op=op) | pst.BinaryOp(op=op) if op in _ARITHMETIC | _TIMES:
                if not _is_sound_constant(node):
                    yield Risk("can overflow", node)
            case pst.GetAttr(base=base) if base not in known and self._is_doubtful(node):
                yield Risk("reads an entity that may not be there", node)
            case _:
                pass

    def _is_doubtful(self, node: pst.GetAttr) -> bool:
        if isinstance(node.base, pst.Var) and node.base.name in _SURE:
            return False
        return self._is_entity(node)


def _there_if_true(expression: pst.Expr) -> Known:
    match expression:
        case pst.HasAttr(base=base, attrs=attributes):
            return frozenset(_prefixes(base, attributes))
        case pst.BinaryOp(op="has_tag", left=left):
            return frozenset({left})
        case pst.BinaryOp(op="and", left=left, right=right):
            return _there_if_true(left) | _there_if_true(right)
        case pst.BinaryOp(op="or", left=left, right=right):
            return _there_if_true(left) & _there_if_true(right)
        case pst.UnaryOp(op="not", arg=inner):
            return _there_if_false(inner)
        case _:
            return frozenset()


def _there_if_false(expression: pst.Expr) -> Known:
    match expression:
        case pst.BinaryOp(op="or", left=left, right=right):
            return _there_if_false(left) | _there_if_false(right)
        case pst.BinaryOp(op="and", left=left, right=right):
            return _there_if_false(left) & _there_if_false(right)
        case pst.UnaryOp(op="not", arg=inner):
            return _there_if_true(inner)
        case _:
            return frozenset()


def _prefixes(base: pst.Expr, attributes: tuple[str, ...]) -> Iterator[pst.Expr]:
    """``x has a.b`` tells that x is there, and x.a; of x.a.b only that it is said."""
    for attribute in attributes:
        yield base
        base = pst.GetAttr(base, attribute)


def _is_sound_constant(expression: pst.Expr) -> bool:
    """Tell whether an expression reads no fact, and Cedar can evaluate it."""
    if any(isinstance(node, pst.Var | pst.Slot | pst.EntityLit) for node in nodes(expression)):
        return False
    whether = pst.BinaryOp("eq", expression, expression)
    anything = pst.ScopeAny()
    policy = pst.Template(
        "p", "permit", anything, anything, anything, (pst.When(whether),), pst.FrozenMap()
    )
    nobody = {"type": "Agent", "id": "nobody"}
    request = {"principal": nobody, "action": {"type": "Action", "id": "x"}, "resource": nobody}
    result = is_authorized(request | {"context": {}}, written(policy), [])
    return bool(result.decision is Decision.Allow and not result.diagnostics.errors)
