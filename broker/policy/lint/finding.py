"""What a rule finds."""

from dataclasses import dataclass
from enum import StrEnum

from broker.policy.compiled import Policy


class Level(StrEnum):
    """How bad it is. Only an error stops a pipeline by itself."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one policy, where it stands, why it matters and what helps."""

    file: str
    line: int
    policy: str
    rule: str
    level: Level
    message: str
    remedy: str


def found(policy: Policy, level: Level, rule: str, message: str, remedy: str) -> Finding:
    """Make a finding about a policy."""
    return Finding(policy.file, policy.line, policy.name, rule, level, message, remedy)
