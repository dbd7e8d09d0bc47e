"""The port to whatever decides."""

from enum import StrEnum
from typing import NamedTuple, Protocol

from broker.model.decision import Decision
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


class Shown(NamedTuple):
    """The registered that a query is about, with all that is above them, as of a revision."""

    entities: tuple[Entity, ...]
    revision: int


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

    def shown(self, query: Query) -> Shown:
        """Return what is registered of those whom a query names, for an engine elsewhere."""
        ...

    def explain(self, query: Query) -> Explanation:
        """Say why a query is answered as it is, in bounded size."""
        ...
