"""What policy answered: a value, never an exception."""

from dataclasses import dataclass, replace

import msgspec

from broker.model.approval import GOOD_MS, Requirement
from broker.proof.confirmation import Binding


class Trace(msgspec.Struct, frozen=True):
    """How a decision came about, for its record and for ``explain``.

    ``policies`` are the ids of the determining policies; ``facts`` the entities and relationships
    that the engine was shown; ``errors`` what went wrong while evaluating (any entry makes the
    decision a Deny); ``missing`` the conditions or facts that would have had to hold.
    ``facts_revision`` is the published bundle's, ``graph_revision`` that of the facts log.
    ``until_ms`` is the first instant at which the answer may be another one by time alone; 0 is
    never.
    """

    policy_version: str
    facts_revision: int
    policies: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    graph_revision: int = 0
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Obligations:
    """What a Permit narrows, where policy says so.

    The longest lifetime; the only scopes; the only ways in which the credential may be bound to a
    key of its holder (``None``: it need not be bound; none of them: nobody can have it). With
    ``single_use`` the evidence must not have served another such decision, and is then used up.
    ``alone``: one person may break glass without a second one.
    """

    max_ttl_ms: int | None = None
    scopes: frozenset[str] | None = None
    bindings: frozenset[Binding] | None = None
    single_use: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Permit:
    """Policy allows it, under obligations."""

    obligations: Obligations
    trace: Trace


@dataclass(frozen=True, slots=True)
class Deny:
    """Policy, or its failure, refuses. ``reason`` is a short stable word."""

    reason: str
    trace: Trace


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """People have to agree first: every requirement has to be met.

    ``obligations`` hold once they have; a yes may be used for ``good_ms`` after the last of them.
    """

    requirements: tuple[Requirement, ...]
    trace: Trace
    obligations: Obligations = Obligations()
    good_ms: int = GOOD_MS

    @property
    def of_whom(self) -> tuple[str, ...]:
        """The groups, once each and in order."""
        return tuple(sorted({group for each in self.requirements for group in each.groups}))


Decision = Permit | Deny | NeedsApproval


def retraced(decision: Decision, trace: Trace) -> Decision:
    """Return the same decision with another trace."""
    match decision:
        case Permit(obligations):
            return Permit(obligations, trace)
        case Deny(reason):
            return Deny(reason, trace)
        case NeedsApproval():
            return replace(decision, trace=trace)
