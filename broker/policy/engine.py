"""The port to whatever decides."""

from enum import StrEnum
from typing import Final, Protocol

from broker.model.decision import Decision
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
    """The caller, or the task's agent, is held, suspended or retired."""
    TENANT_HELD = "tenant-held"
    """The task's tenant, or one of these agents', is held."""
    OWNER_GONE = "owner-gone"
    """Whoever is to answer for one of these agents does not stand."""
    REVIEW_OVERDUE = "review-overdue"
    """The last day of one of these agents' review is over."""


OF_POLICY: Final = frozenset(
    {DenyReason.NO_PERMIT, DenyReason.FORBIDDEN, DenyReason.EVALUATION_ERROR}
)
"""The reasons that are policy's own: the others leave nothing to ask of it."""


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

    def explain(self, query: Query) -> Explanation:
        """Say why a query is answered as it is, in bounded size."""
        ...
