"""Policies that say what others say, or that others never let have their way."""

from collections.abc import Iterator, Sequence

from broker.policy.compiled import Policy
from broker.policy.lint.finding import Finding, Level, found
from broker.policy.lint.scopes import covers
from broker.policy.lint.tree import Atom, atoms


def overlaps(policies: Sequence[Policy]) -> Iterator[Finding]:
    """Find duplicates, and permits that a forbid always overrules."""
    conditions = {policy.name: frozenset(atoms(policy.template)) for policy in policies}
    forbids = [policy for policy in policies if policy.template.effect == "forbid"]
    for index, policy in enumerate(policies):
        yield from _duplicates(policy, policies[:index], conditions)
        if policy.template.effect == "permit":
            yield from _overruled(policy, forbids, conditions)


def _duplicates(
    policy: Policy, earlier: Sequence[Policy], conditions: dict[str, frozenset[Atom]]
) -> Iterator[Finding]:
    for other in earlier:
        same = _said(policy) == _said(other)
        if same and conditions[policy.name] == conditions[other.name]:
            message = f"applies exactly when {other.name} ({other.file}:{other.line}) does"
            remedy = "keep one; of permits that apply together the narrowest obligations bind"
            yield found(policy, Level.WARNING, "duplicate", message, remedy)
            return


def _said(policy: Policy) -> tuple[object, ...]:
    template = policy.template
    return template.effect, template.principal, template.action, template.resource


def _overruled(
    policy: Policy, forbids: Sequence[Policy], conditions: dict[str, frozenset[Atom]]
) -> Iterator[Finding]:
    for forbid in forbids:
        is_within = covers(forbid.template, policy.template)
        if is_within and conditions[forbid.name] <= conditions[policy.name]:
            message = f"never counts: {forbid.name} ({forbid.file}:{forbid.line}) forbids all of it"
            remedy = "take one of them out"
            yield found(policy, Level.ERROR, "overruled", message, remedy)
            return
