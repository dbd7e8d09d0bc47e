"""Why a query is answered as it is: plain values, for operators."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

MAX_POLICIES: Final = 50
"""How many policies one explanation lists."""

MAX_TEXT: Final = 400
"""How much of one condition or error is shown, in characters."""


@dataclass(frozen=True, slots=True)
class ConditionFinding:
    """One condition of a policy, put by itself. ``holds``: it speaks for the policy to apply.

    ``error`` is what went wrong while evaluating it, usually a fact that is missing.
    """

    kind: Literal["when", "unless"]
    text: str
    holds: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class PolicyFinding:
    """A policy whose principal, action and resource fit the query, and how its conditions fare."""

    policy: str
    effect: Literal["permit", "forbid"]
    conditions: tuple[ConditionFinding, ...]

    @property
    def applies(self) -> bool:
        """Tell whether every condition holds."""
        return all(condition.holds for condition in self.conditions)

    @property
    def failing(self) -> tuple[ConditionFinding, ...]:
        """The conditions that do not hold."""
        return tuple(condition for condition in self.conditions if not condition.holds)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, and every policy that had a say. ``truncated``: there were more.

    ``obligations`` are what a permit is bound to, by the annotations that say so. It is told by the
    facts of ``graph_revision``, and by time alone may be another one at ``until_ms``; 0 is never.
    ``lending`` explains the second answer, where a person lends a right of hers.
    """

    outcome: Literal["permit", "deny", "needs-approval"]
    reason: str
    policy_version: str
    facts_revision: int
    determining: tuple[str, ...]
    considered: tuple[PolicyFinding, ...]
    facts: tuple[str, ...]
    errors: tuple[str, ...]
    missing: tuple[str, ...]
    truncated: bool = False
    obligations: tuple[str, ...] = ()
    graph_revision: int = 0
    until_ms: int = 0
    lending: "Explanation | None" = None

    def to_json(self) -> Mapping[str, object]:
        """Return it as what JSON can hold."""
        return asdict(self)


def shortened(text: str) -> str:
    """Cut a text to what an explanation shows."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
