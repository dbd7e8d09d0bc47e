"""What must hold of the policies: questions with the answer that each shall have."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from broker.governance.names import Name, Scope, Text, TtlSeconds
from broker.policy.query import Action

Expected = Literal["allow", "deny", "approval"]

Caller = Annotated[
    str,
    Meta(
        pattern=r"\A(?:agent|orchestrator|operator|person):[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
        description="agent:NAME, orchestrator:NAME, operator:NAME or person:NAME",
    ),
]
"""A principal as records name it: ``agent:invoice-bot``."""

Instant = Annotated[str, Meta(max_length=40, description="an instant as 2027-01-31T12:00:00Z")]

Relationship = Annotated[
    str, Meta(max_length=400, description="KIND:NAME RELATION KIND:NAME, perhaps until INSTANT")
]

Depth = Annotated[int, Meta(ge=0, le=8)]
"""0 for a root task."""


class VectorTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The task that a question is about."""

    tenant: Name
    agent: Name
    name: Text = "a-task"
    on_behalf_of: str = ""
    tickets: tuple[Text, ...] = ()
    resources: tuple[Text, ...] = ()
    depth: Depth = 0


class VectorFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of a question, in the task's tenant, beside what the bundle registers.

    ``things`` are ``ticket:T-1``, which stand, or ``ticket:T-1 closed``, of another status;
    ``relationships`` are ``ticket:T-1 concerns dataset:orders``, with ``until INSTANT`` after it
    where they expire; ``held`` are names of things.
    """

    things: tuple[Text, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    held: tuple[Text, ...] = ()


class VectorTool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tool of a question, as its agent says."""

    name: Text
    origin: str = ""
    digest: str = ""


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question and its answer.

    ``reason``, ``policies``, ``max_ttl_seconds`` and ``single_use`` are compared only where they
    are stated. ``at`` is the instant of the question, for policies on the time; else it is now.
    """

    name: Text
    expect: Expected
    action: Action
    caller: Caller
    task: VectorTask
    capability: Name | None = None
    scopes: tuple[Scope, ...] = ()
    ttl_seconds: TtlSeconds = 60
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    tool: VectorTool | UnsetType = UNSET
    claims: dict[str, str | int | bool] = msgspec.field(default_factory=dict)
    reason: str | None = None
    policies: tuple[str, ...] | None = None
    max_ttl_seconds: TtlSeconds | None = None
    single_use: bool | None = None
    facts: VectorFacts | UnsetType = UNSET
    at: Instant | UnsetType = UNSET


class VectorsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``policies/tests.yaml``."""

    tests: tuple[Vector, ...]
