"""The port to whatever decides."""

from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from broker.facts.facts import Facts
from broker.model.decision import Decision, Deny
from broker.policy.entity import Entity
from broker.policy.explanation import Explanation
from broker.policy.query import Query


class DenyReason(StrEnum):
    """Why policy refused: the closed set, for audit and metrics."""

    NO_PERMIT = "no-permit"
    """No policy allows it."""
    FORBIDDEN = "forbidden"
    """A policy forbids it."""
    EVALUATION_ERROR = "evaluation-error"
    """A policy could not be evaluated; it might have been the one that forbids."""
    ENGINE_ERROR = "engine-error"
    """The question could not be put, or the answer not understood."""
    AGENT_HELD = "agent-held"
    """The caller, the task's agent or one that has handed it on is held, suspended or retired."""
    PERSON_GONE = "person-gone"
    """The person who calls, or whose right is lent, is held, gone or unknown."""
    RIGHT_NOT_LENT = "right-not-lent"
    """The person on whose own behalf it is may not have it herself, or does not lend it."""
    TENANT_HELD = "tenant-held"
    """The task's tenant, or one of these agents', is held."""
    OWNER_GONE = "owner-gone"
    """Whoever is to answer for one of these agents does not stand."""
    REVIEW_OVERDUE = "review-overdue"
    """The last day of one of these agents' review is over."""
    BEYOND_AGENT_CEILING = "beyond-agent-ceiling"
    """It is more than one of these agents may ever be granted."""


OF_POLICY: Final = frozenset(
    {DenyReason.NO_PERMIT, DenyReason.FORBIDDEN, DenyReason.EVALUATION_ERROR}
)
"""The reasons that are policy's own: the others leave nothing to ask of it."""


class Shown(NamedTuple):
    """The things that a query is about, with all that is above them, as of two revisions.

    ``until_ms`` is when time alone makes them others, 0 is never. With a ``refusal`` there is
    nothing to ask: it is what every engine answers.
    """

    entities: tuple[Entity, ...]
    revision: int
    graph_revision: int = 0
    until_ms: int = 0
    refusal: Deny | None = None


class Engine(Protocol):
    """Decides. Whatever goes wrong inside it is a Deny.

    An engine holds one fixed set of policies and facts for its whole life, so it answers the same
    query always the same.
    """

    @property
    def version(self) -> str:
        """The digest of policies and schema, as it stands in every trace."""
        ...

    def decide(self, query: Query) -> Decision:
        """Answer one query. Never raises."""
        ...

    def over(self, facts: Facts) -> "Engine":
        """Return the same policies over other facts, which lie over the same bundle."""
        ...

    def shown(self, query: Query) -> Shown:
        """Return what is registered of those whom a query names, for an engine elsewhere."""
        ...

    def explain(self, query: Query) -> Explanation:
        """Say why a query is answered as it is, in bounded size."""
        ...
