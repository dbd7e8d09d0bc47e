"""All rules over a set of policies, in the order of files and lines.

What keeps policies from being published is found by :mod:`broker.policy.compiled`; it is told here
as errors too, under a rule's name, so that one run shows everything.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from cedarpy import Schema, pst

from broker.errors import LocatedFault
from broker.policy.compiled import CompiledPolicies, Policy, Source, compile_policies
from broker.policy.explanation import shortened
from broker.policy.lint.breadth import breadth
from broker.policy.lint.contradictions import contradictory
from broker.policy.lint.failing import Risks
from broker.policy.lint.finding import Finding, Level, found
from broker.policy.lint.overlaps import overlaps
from broker.policy.lint.tree import atoms
from broker.policy.lint.validator import Validator
from broker.policy.probes import condition_text

RULES: Final = {
    "fault": "it cannot be published",
    "no-request": "no request fits its scope",
    "optional": "reads an optional fact without `has`",
    "parsing": "parses a text of the request",
    "can-fail": "its conditions can fail to be evaluated, which denies the whole request",
    "never-applies": "its conditions cannot hold",
    "overruled": "a forbid takes away all that it permits",
    "duplicate": "another policy says the same",
    "no-conditions": "a permit without any condition",
    "no-tenant": "a permit that compares no tenant",
    "every-principal": "a permit for principals of every kind",
    "every-action": "a permit of every action",
    "labels": "a permit that believes the caller's labels",
    "no-description": "nobody is told what it is for",
}
"""Every rule, and what it finds."""

_BY_MESSAGE: Final = {
    "unable to find an applicable action": "no-request",
    "unable to guarantee safety of access": "optional",
    "extension constructors may not be called with non-literal": "parsing",
}


def lint(policies: tuple[Source, ...], schema: Source) -> tuple[Finding, ...]:
    """Find everything that any rule finds."""
    compiled = compile_policies(policies, schema)
    findings = [*map(_fault, compiled.faults), *_of_policies(compiled)]
    files = [*(source.file for source in policies), schema.file]
    return tuple(sorted(findings, key=lambda each: (files.index(each.file), each.line)))


def _fault(fault: LocatedFault) -> Finding:
    rules = [rule for part, rule in _BY_MESSAGE.items() if part in fault.message]
    rule = rules[0] if rules else "fault"
    message, remedy = shortened(fault.message), fault.remedy
    return Finding(fault.file, fault.line, fault.key, rule, Level.ERROR, message, remedy)


def _of_policies(compiled: CompiledPolicies) -> Iterator[Finding]:
    faulty = {(fault.file, fault.line) for fault in compiled.faults}
    sound = [each for each in compiled.policies if (each.file, each.line) not in faulty]
    for policy in compiled.policies:
        yield from breadth(policy)
    if compiled.schema is not None:
        for policy in sound:
            yield from _of_conditions(policy, compiled.schema)
    yield from overlaps(compiled.policies)


def _of_conditions(policy: Policy, schema: Schema) -> Iterator[Finding]:
    validator = Validator(schema)
    yield from _impossible(policy, validator)
    risks = Risks(partial(validator.reads_entity, policy.template))
    level = Level.ERROR if policy.template.effect == "forbid" else Level.WARNING
    for risk in risks.of(policy.template):
        message = f"{_text(risk.expression)} {risk.what}, and then the whole request is denied"
        remedy = "ask with `has` first, or compare without arithmetic"
        yield found(policy, level, "can-fail", message, remedy)


def _impossible(policy: Policy, validator: Validator) -> Iterator[Finding]:
    remedy = "take it out, or write what was meant"
    about = contradictory(atoms(policy.template))
    if about is not None:
        message = f"never applies: its conditions contradict each other about {_text(about)}"
        yield found(policy, Level.ERROR, "never-applies", message, remedy)
    elif validator.never_applies(policy.template):
        message = "never applies: its conditions are false for all that its scope allows"
        yield found(policy, Level.ERROR, "never-applies", message, remedy)


def _text(expression: pst.Expr) -> str:
    return condition_text(pst.When(expression))
