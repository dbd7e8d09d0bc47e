"""What must hold of the policies: questions with the answer that each shall have."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from broker.governance.names import Name, Scope, Text, TtlSeconds
from broker.policy.query import Action

Expected = Literal["allow", "deny", "approval"]

Caller = Annotated[
    str,
    Meta(
        pattern=r"\A(?:agent|orchestrator|operator):[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
        description="agent:NAME, orchestrator:NAME or operator:NAME",
    ),
]
"""A principal as records name it: ``agent:invoice-bot``."""

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


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question and its answer.

    ``reason``, ``policies``, ``max_ttl_seconds`` and ``single_use`` are compared only where they
    are stated.
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
    claims: dict[str, str | int | bool] = msgspec.field(default_factory=dict)
    reason: str | None = None
    policies: tuple[str, ...] | None = None
    max_ttl_seconds: TtlSeconds | None = None
    single_use: bool | None = None


class VectorsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``policies/tests.yaml``."""

    tests: tuple[Vector, ...]
