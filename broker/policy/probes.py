"""Which conditions hold: each put by itself, all of them in one evaluation.

A policy is taken apart into its conditions, at the ``&&`` of a ``when`` and the ``||`` of an
``unless``. Each becomes a permit of its own within the policy's scope, next to one without any
condition, which tells whether the scope fits at all. The answer to one request then names every
condition that holds and every one that could not be evaluated; the others do not hold.

What is learnt here only explains. It never decides.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from cedarpy import AuthzResult, PolicySet, pst

from broker.policy.compiled import Policy
from broker.policy.explanation import ConditionFinding, PolicyFinding, shortened
from broker.policy.handles import Handles

Ask = Callable[[PolicySet], AuthzResult]
"""Puts one request to a set of policies."""

_FAILURE: Final = re.compile(
    r"error while evaluating policy `(?P<id>[0-9.]+)`: (?P<what>.*)", re.DOTALL
)
_QUOTED: Final = re.compile(r'("(?:[^"\\]|\\.)*")')
_NEEDLESS: Final = re.compile(r"(?<![\w)])\(([\w.]+|[\w.]+\.\w+\([^()]*\))\)")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a policy, as it is put by itself."""

    id: str
    clause: pst.Clause
    kind: Literal["when", "unless"]
    text: str


@dataclass(frozen=True, slots=True)
class _Probe:
    id: str
    policy: Policy
    conditions: tuple[Condition, ...]


class Probes:
    """All conditions of a set of policies, parsed once."""

    def __init__(self, policies: Sequence[Policy], handles: Handles) -> None:
        self._probes = [_probe(policy, number) for number, policy in enumerate(policies)]
        self._set = handles.policy_set([t for probe in self._probes for t in _templates(probe)])

    @property
    def conditions(self) -> Mapping[str, tuple[Condition, ...]]:
        """The conditions of every policy."""
        return {probe.policy.name: probe.conditions for probe in self._probes}

    def findings(self, ask: Ask) -> tuple[PolicyFinding, ...]:
        """Tell of each policy whose scope fits the request how its conditions fare.

        Those that apply come first, then those that come nearest to applying.
        """
        diagnostics = ask(self._set).diagnostics
        holding = frozenset(diagnostics.reasons)
        failures = {m["id"]: m["what"] for m in map(_FAILURE.fullmatch, diagnostics.errors) if m}
        fitting = (probe for probe in self._probes if probe.id in holding)
        findings = (_finding(probe, holding, failures) for probe in fitting)
        return tuple(sorted(findings, key=lambda finding: len(finding.failing)))


def _probe(policy: Policy, number: int) -> _Probe:
    clauses = [part for clause in policy.template.clauses for part in parts_of(clause)]
    conditions = tuple(
        Condition(f"{number}.{index}", clause, _kind(clause), condition_text(clause))
        for index, clause in enumerate(clauses)
    )
    return _Probe(str(number), policy, conditions)


def _templates(probe: _Probe) -> list[pst.Template]:
    scope = replace(
        probe.policy.template, id=probe.id, effect="permit", clauses=(), annotations=pst.FrozenMap()
    )
    conditions = [replace(scope, id=c.id, clauses=(c.clause,)) for c in probe.conditions]
    return [scope, *conditions]


def _finding(probe: _Probe, holding: frozenset[str], failures: dict[str, str]) -> PolicyFinding:
    conditions = tuple(
        ConditionFinding(c.kind, c.text, c.id in holding, shortened(failures.get(c.id, "")))
        for c in probe.conditions
    )
    return PolicyFinding(probe.policy.name, probe.policy.template.effect, conditions)


def parts_of(clause: pst.Clause) -> list[pst.Clause]:
    """Divide ``when {a && b}`` into a and b, ``unless {a || b}`` likewise: each must hold alone."""
    if isinstance(clause, pst.When):
        return [pst.When(part) for part in _operands(clause.expr, "and")]
    return [pst.Unless(part) for part in _operands(clause.expr, "or")]


def _operands(expression: pst.Expr, operator: str) -> list[pst.Expr]:
    if isinstance(expression, pst.BinaryOp) and expression.op == operator:
        return [*_operands(expression.left, operator), *_operands(expression.right, operator)]
    return [expression]


def _kind(clause: pst.Clause) -> Literal["when", "unless"]:
    return "when" if isinstance(clause, pst.When) else "unless"


def condition_text(clause: pst.Clause) -> str:
    """Write a condition as a policy author would, as far as brackets go."""
    anything = pst.ScopeAny()
    policy = pst.Template("p", "permit", anything, anything, anything, (clause,), pst.FrozenMap())
    written = str(PolicySet.from_pst(pst.PolicySet({}, {"p": policy}, ())))
    inside = written.partition("{ ")[2].rstrip().removesuffix(";").removesuffix("}").rstrip()
    parts = _QUOTED.split(inside)
    parts[::2] = [_without_needless_brackets(part) for part in parts[::2]]
    return shortened("".join(parts))


def _without_needless_brackets(text: str) -> str:
    while (simpler := _NEEDLESS.sub(r"\1", text)) != text:
        text = simpler
    return text
