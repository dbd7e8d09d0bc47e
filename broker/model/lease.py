"""What was granted, from before the credential exists until after it is dead."""

from enum import StrEnum
from typing import Final

import msgspec

from broker.ids import LeaseId, TaskId
from broker.model.decision import Trace
from broker.model.redecision import NoLonger
from broker.model.target import TargetDeath, TargetRef
from broker.model.tool import Tool
from broker.proof.confirmation import Confirmation

COLLATERAL: Final = "collateral"
"""Why a lease ended that was alive when the deny list of its target was cut off."""


class LeaseState(StrEnum):
    """Where a lease stands."""

    RESERVED = "reserved"
    ACTIVE = "active"
    ENDED = "ended"


class LeaseSpec(msgspec.Struct, frozen=True):
    """What a lease was granted with: it never changes.

    ``locator`` names the credential before it exists (for our JWTs the ``jti``, which is the lease
    id). ``evidence_issuer`` is the issuer whose token justified it. ``trace`` is the decision.
    """

    id: LeaseId
    task: TaskId
    path: tuple[TaskId, ...]
    actors: tuple[str, ...]
    agent: str
    instance: str
    tenant: str
    on_behalf_of: str
    capability: str
    backend: str
    audience: str
    scopes: tuple[str, ...]
    evidence_issuer: str
    locator: str
    key_id: str
    trace: Trace
    renewable: bool = True
    """Whether its capability could be renewed when it was granted."""
    confirmation: Confirmation | None = None
    """The key that its tokens are bound to, if any."""
    target: TargetRef | None = None
    """Where it lives, if it is no token of ours; ``locator`` is its name there."""
    template: str = ""
    """With a target: a digest of the template that it was made from."""
    tool: Tool | None = None
    """By which tool its agent said that it would use it."""
    origin: str = ""
    """From where it was asked for, as far as evidence or connection said it."""
    break_glass: str = ""
    """In an emergency: by which opening of the glass it was had."""
    delegated_by: str = ""
    """The person who lends a right of hers for it, if one does: ``person:dana``."""

    @property
    def subject(self) -> str:
        """Whose work it is: a person's by her own word, somebody's by its opener's, or its own."""
        if self.delegated_by:
            return self.delegated_by
        return f"user:{self.on_behalf_of}" if self.on_behalf_of else f"agent:{self.agent}"


class Lease(msgspec.Struct, frozen=True):
    """A lease as the ledger has it now. Generation 1 is the first token, each renewal adds one.

    ``is_alive`` is the ledger's judgement: own state, task, ancestors, expiry and cuts.
    """

    spec: LeaseSpec
    state: LeaseState
    is_alive: bool
    generation: int
    issued_at_ms: int
    expires_at_ms: int
    max_expires_at_ms: int
    ended_at_ms: int = 0
    ended_by: str = ""
    judged_at_ms: int = 0
    """The ledger's time at which ``is_alive`` was judged."""
    end_number: int = 0
    """Number of its end in the bucket's outbox: what verifiers acknowledge."""
    is_sure: bool = True
    """False when the ledger's clock and the broker's disagreed: then age says nothing."""
    death: TargetDeath | None = None
    """How far its death at its target has come; None while it has not ended, or without one."""
    sure_until_ms: int = 0
    """With a target: until when it is sure to live there. ``expires_at_ms`` covers whatever the
    target was ever asked for, also where nobody knows what came of it."""
    why: NoLonger | None = None
    """Why it would not be granted any more, where that ended it: for operators."""
    passed_ms: int = 0
    """An instant that has surely passed: ``judged_at_ms``, or if that is not sure the broker's own
    time where it is earlier."""
