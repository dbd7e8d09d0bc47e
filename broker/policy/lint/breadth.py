"""Policies that let more through than their author is likely to have meant."""

from collections.abc import Iterator
from typing import Final

from cedarpy import pst

from broker.policy.compiled import Policy
from broker.policy.lint.finding import Finding, Level, found
from broker.policy.lint.tree import nodes

_TENANT: Final = frozenset({"tenant", "tenants"})
_COMPARING: Final = frozenset({"eq", "contains", "contains_all", "contains_any", "in"})
_REGISTERED: Final = frozenset({"principal", "resource"})


def breadth(policy: Policy) -> Iterator[Finding]:
    """Find what makes a permit wide; a forbid may be as wide as it likes."""
    if policy.template.effect == "permit":
        yield from _scope(policy)
        yield from _conditions(policy)
        yield from _labels(policy)
    if not policy.template.annotations.get("description", "").strip():
        remedy = 'write @description("...") for whoever is refused by it'
        yield found(policy, Level.NOTE, "no-description", "says nothing of itself", remedy)


def _scope(policy: Policy) -> Iterator[Finding]:
    if isinstance(policy.template.principal, pst.ScopeAny):
        message = "permits principals of every kind"
        remedy = "name one: principal is Agent"
        yield found(policy, Level.WARNING, "every-principal", message, remedy)
    if isinstance(policy.template.action, pst.ScopeAny):
        message = "permits every action, also those of a later schema"
        remedy = "name them: action in [...]"
        yield found(policy, Level.WARNING, "every-action", message, remedy)


def _conditions(policy: Policy) -> Iterator[Finding]:
    if not policy.template.clauses:
        message = "permits without any condition"
        remedy = "compare tenants at least: principal.tenant == context.task.tenant"
        yield found(policy, Level.ERROR, "no-conditions", message, remedy)
    elif not any(map(_compares_tenants, nodes(policy.template))):
        message = "compares no registered tenant: it may reach from one into another"
        remedy = "add principal.tenant == context.task.tenant"
        yield found(policy, Level.WARNING, "no-tenant", message, remedy)


def _compares_tenants(node: object) -> bool:
    return (
        isinstance(node, pst.BinaryOp)
        and node.op in _COMPARING
        and any(map(_is_tenant, (*nodes(node.left), *nodes(node.right))))
    )


def _is_tenant(node: object) -> bool:
    return (
        isinstance(node, pst.GetAttr)
        and node.attr in _TENANT
        and isinstance(node.base, pst.Var)
        and node.base.name in _REGISTERED
    )


def _labels(policy: Policy) -> Iterator[Finding]:
    reading = [clause for clause in policy.template.clauses if any(map(_is_label, nodes(clause)))]
    if not reading:
        return
    is_reason = any(isinstance(clause, pst.When) for clause in reading)
    level = Level.ERROR if is_reason else Level.WARNING
    message = "reads labels, which the caller asserts of itself as it likes"
    remedy = "decide by registered facts; a forbid may read labels"
    yield found(policy, level, "labels", message, remedy)


def _is_label(node: object) -> bool:
    match node:
        case pst.GetAttr(base=pst.Var(name="context"), attr="labels"):
            return True
        case pst.HasAttr(base=pst.Var(name="context"), attrs=("labels", *_)):
            return True
        case _:
            return False
