"""Conditions that cannot all be so at once, by what they say of the same expression."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from cedarpy import pst

from broker.policy.lint.tree import Atom

Plain = tuple[str, str | int | bool]

_BELOW: Final = {"less": 1, "less_eq": 0}
_ABOVE: Final = {"greater": 1, "greater_eq": 0}
_MIRRORED: Final = {
    "less": "greater",
    "less_eq": "greater_eq",
    "greater": "less",
    "greater_eq": "less_eq",
}
_OPPOSITE: Final = {
    "less": "greater_eq",
    "less_eq": "greater",
    "greater": "less_eq",
    "greater_eq": "less",
}
_HAVING: Final = frozenset({"contains", "contains_any"})


@dataclass(slots=True)
class _Said:
    """What conditions say of one expression: the values that it may have, and that it may not."""

    allowed: set[Plain] | None = None
    barred: set[Plain] = field(default_factory=set)
    least: int = -(2**63)
    most: int = 2**63 - 1
    is_empty: bool = False
    is_filled: bool = False

    def only(self, values: set[Plain]) -> None:
        self.allowed = values if self.allowed is None else self.allowed & values

    def bound(self, op: str, number: int) -> None:
        if op in _BELOW:
            self.most = min(self.most, number - _BELOW[op])
        else:
            self.least = max(self.least, number + _ABOVE[op])

    @property
    def is_contradictory(self) -> bool:
        if self.least > self.most or (self.is_empty and self.is_filled):
            return True
        return self.allowed is not None and not any(map(self._fits, self.allowed - self.barred))

    def _fits(self, value: Plain) -> bool:
        return value[0] != "int" or self.least <= int(value[1]) <= self.most


def contradictory(atoms: Sequence[Atom]) -> pst.Expr | None:
    """Return an expression of which two conditions say what cannot both be so, or None."""
    wanted = set(atoms)
    for expression, is_wanted in atoms:
        if (expression, not is_wanted) in wanted:
            return expression
    said: defaultdict[pst.Expr, _Said] = defaultdict(_Said)
    for expression, is_wanted in atoms:
        _note(said, expression, is_wanted)
    for each, what in said.items():
        if (value := _plain(each)) is not None:
            what.only({value})  # a literal is nothing but itself
    return next((each for each, what in said.items() if what.is_contradictory), None)


def _note(said: defaultdict[pst.Expr, _Said], expression: pst.Expr, is_wanted: bool) -> None:  # noqa: FBT001 - half of a pair
    for about, value in _equated(expression):
        if is_wanted:
            said[about].only({value})
        else:
            said[about].barred.add(value)
    if (compared := _compared(expression)) is not None:
        about, op, number = compared
        said[about].bound(op if is_wanted else _OPPOSITE[op], number)
    _note_of_sets(said, expression, is_wanted)


def _note_of_sets(
    said: defaultdict[pst.Expr, _Said],
    expression: pst.Expr,
    is_wanted: bool,  # noqa: FBT001 - half of a pair
) -> None:
    match expression:
        case pst.BinaryOp(op="contains", left=pst.Set(elements=elements), right=about):
            values = [_plain(each) for each in elements]
            if is_wanted and all(value is not None for value in values):
                said[about].only({value for value in values if value is not None})
        case pst.BinaryOp(op=op, left=about) if op in _HAVING and is_wanted:
            said[about].is_filled = True
        case pst.UnaryOp(op="is_empty", arg=about):
            said[about].is_empty |= is_wanted
            said[about].is_filled |= not is_wanted
        case _:
            pass


def _compared(expression: pst.Expr) -> tuple[pst.Expr, str, int] | None:
    match expression:
        case pst.BinaryOp(op=op, left=about, right=pst.LongLit(value=number)) if op in _MIRRORED:
            return about, op, number
        case pst.BinaryOp(op=op, left=pst.LongLit(value=number), right=about) if op in _MIRRORED:
            return about, _MIRRORED[op], number
        case _:
            return None


def _equated(expression: pst.Expr) -> Iterator[tuple[pst.Expr, Plain]]:
    if isinstance(expression, pst.BinaryOp) and expression.op == "eq":
        sides = (expression.left, expression.right), (expression.right, expression.left)
        for about, other in sides:
            if (value := _plain(other)) is not None:
                yield about, value


def _plain(expression: pst.Expr) -> Plain | None:
    match expression:
        case pst.StringLit(value=value) | pst.LongLit(value=value) | pst.BoolLit(value=value):
            return type(value).__name__, value
        case pst.EntityLit(value=uid):
            return "entity", str(uid)
        case _:
            return None
