"""Which policies, and which of their conditions, a set of questions has tried both ways.

Each policy has one outcome to be seen (it determined an answer) and each of its conditions two (it
held, it did not), among the questions that the policy's scope fits. A condition that could not be
evaluated by itself, as the second half of ``principal has risk && principal.risk == "high"`` cannot
where there is no risk, was neither.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from broker.policy.compiled import Policy
from broker.policy.explanation import PolicyFinding
from broker.policy.probes import Condition


@dataclass(frozen=True, slots=True)
class ConditionCoverage:
    """How often a condition held, did not hold, and could not be evaluated."""

    kind: str
    text: str
    held: int
    failed: int
    erred: int

    @property
    def seen(self) -> int:
        """How many of its two outcomes were seen."""
        return (self.held > 0) + (self.failed > 0)


@dataclass(frozen=True, slots=True)
class PolicyCoverage:
    """How often a policy's scope fitted and it determined an answer, and its conditions."""

    policy: str
    effect: str
    file: str
    line: int
    fitted: int
    determined: int
    conditions: tuple[ConditionCoverage, ...]

    @property
    def seen(self) -> int:
        """How many of its outcomes were seen."""
        return (self.determined > 0) + sum(condition.seen for condition in self.conditions)

    @property
    def outcomes(self) -> int:
        """How many outcomes it has."""
        return 1 + 2 * len(self.conditions)


@dataclass(slots=True)
class _Counts:
    fitted: int = 0
    determined: int = 0
    outcomes: Counter[tuple[int, str]] = field(default_factory=Counter)


class Coverage:
    """Counts outcomes."""

    def __init__(
        self, policies: Sequence[Policy], conditions: Mapping[str, tuple[Condition, ...]]
    ) -> None:
        self._policies = policies
        self._conditions = conditions
        self._counts = {policy.name: _Counts() for policy in policies}

    def note(self, determining: Iterable[str], findings: Iterable[PolicyFinding]) -> None:
        """Count what one question showed."""
        for name in determining:
            if name in self._counts:
                self._counts[name].determined += 1
        for finding in findings:
            counts = self._counts[finding.policy]
            counts.fitted += 1
            for index, condition in enumerate(finding.conditions):
                outcome = "held" if condition.holds else "erred" if condition.error else "failed"
                counts.outcomes[index, outcome] += 1

    def policies(self) -> tuple[PolicyCoverage, ...]:
        """Return what was seen of each policy."""
        return tuple(self._of(policy) for policy in self._policies)

    def _of(self, policy: Policy) -> PolicyCoverage:
        counts = self._counts[policy.name]
        return PolicyCoverage(
            policy.name,
            policy.template.effect,
            policy.file,
            policy.line,
            counts.fitted,
            counts.determined,
            tuple(
                ConditionCoverage(
                    each.kind,
                    each.text,
                    *(counts.outcomes[index, outcome] for outcome in ("held", "failed", "erred")),
                )
                for index, each in enumerate(self._conditions[policy.name])
            ),
        )


def is_enough(policies: Sequence[PolicyCoverage], percent: float) -> bool:
    """Tell whether so many per cent of all outcomes were seen, without rounding."""
    return seen_of(policies) * 100 >= percent * outcomes_of(policies)


def seen_of(policies: Sequence[PolicyCoverage]) -> int:
    """Return how many outcomes were seen."""
    return sum(policy.seen for policy in policies)


def outcomes_of(policies: Sequence[PolicyCoverage]) -> int:
    """Return how many outcomes there are."""
    return sum(policy.outcomes for policy in policies)
