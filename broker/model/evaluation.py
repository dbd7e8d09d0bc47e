"""What others ask of our decisions: the words of the OpenID AuthZEN Authorization API 1.0."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from broker.errors import InvalidRequestError


class Semantic(StrEnum):
    """When several questions have been answered enough (§7.1.2)."""

    EXECUTE_ALL = "execute_all"
    DENY_ON_FIRST_DENY = "deny_on_first_deny"
    PERMIT_ON_FIRST_PERMIT = "permit_on_first_permit"

    def is_enough(self, decision: bool) -> bool:  # noqa: FBT001 - it is what was decided
        """Tell whether nothing after this decision matters."""
        if self is Semantic.DENY_ON_FIRST_DENY:
            return not decision
        return self is Semantic.PERMIT_ON_FIRST_PERMIT and decision


@dataclass(frozen=True, slots=True)
class Named:
    """A subject or a resource, with what the asking side says of it."""

    type: str
    id: str
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One question: may this subject do this to this resource?"""

    subject: Named
    action: str
    action_properties: Mapping[str, object]
    resource: Named
    context: Mapping[str, object]


Asked = Evaluation | InvalidRequestError
"""One of several questions, or why it is none."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One answer. ``context`` is plain values; of a denial it has a ``reason``."""

    decision: bool
    context: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def denied(cls, reason: str) -> "Evaluated":
        """Deny, for a short stable reason."""
        return cls(decision=False, context={"reason": reason})
