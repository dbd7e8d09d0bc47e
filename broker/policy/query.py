"""Everything that policy may know about one request."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from broker.model.asked import Asker
from broker.model.capability import Capability, Ceiling
from broker.model.principal import Principal
from broker.model.task import TaskSpec
from broker.model.tool import Tool
from broker.policy.caller_map import flatten


class Action(StrEnum):
    """What policy is asked about. Taking access away is not among them: it needs no policy."""

    OPEN_TASK = "OpenTask"
    DELEGATE_TASK = "DelegateTask"
    EXTEND_TASK = "ExtendTask"
    REQUEST_CREDENTIAL = "RequestCredential"
    RENEW_CREDENTIAL = "RenewCredential"
    BREAK_GLASS = "BreakGlass"
    LEND_RIGHT = "LendRight"

    # The enum's own runs Python code, several times for each decision.
    __hash__ = str.__hash__

    @property
    def is_about_credential(self) -> bool:
        """Tell whether a capability is asked for; otherwise the action is on the task's agent."""
        return self in _ABOUT_CREDENTIALS


_ABOUT_CREDENTIALS: Final = frozenset(
    {Action.REQUEST_CREDENTIAL, Action.RENEW_CREDENTIAL, Action.BREAK_GLASS, Action.LEND_RIGHT}
)


class TaskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The task in question; for OPEN_TASK and DELEGATE_TASK the one that would come to be.

    ``depth`` is 0 for a root task. ``opener`` is a principal's ``ref``. ``above`` are the agents of
    the tasks above it, from the root on: whoever has handed it on. ``lender`` is the person who
    opened its tree on her own behalf, as she was attested: what is asked for is asked for her, too
    (:mod:`broker.policy.lending`).
    """

    id: str
    name: str
    tenant: str
    agent: str
    opener: str
    on_behalf_of: str = ""
    tickets: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    depth: int = 0
    above: tuple[str, ...] = ()
    lender: Asker | None = None

    @classmethod
    def of(cls, spec: TaskSpec) -> "TaskFacts":
        """Take the facts from a task's specification."""
        return cls(
            id=spec.id,
            name=spec.name,
            tenant=spec.tenant,
            agent=spec.agent,
            opener=spec.opener,
            on_behalf_of=spec.on_behalf_of,
            tickets=spec.tickets,
            resources=spec.resources,
            depth=len(spec.path) - 1,
            above=spec.actors[:-1],
            lender=spec.lender.by if spec.lender else None,
        )


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One question to policy.

    ``capability`` is what is asked for when the action is about a credential, else None.
    ``ceiling`` is the task's. ``scopes`` and ``ttl_ms`` are what is asked for. ``labels`` are the
    caller's own assertions: policy sees them as the set of texts ``key=value``. So is ``tool``, by
    which it says that it will use the credential.

    Raises:
        InvalidRequestError: the labels, or the principal's claims, are not flat maps of plain
            values under plain keys (:func:`broker.policy.caller_map.flatten`).
    """

    action: Action
    principal: Principal
    task: TaskFacts
    capability: Capability | None = None
    ceiling: tuple[Ceiling, ...] = ()
    scopes: frozenset[str] = frozenset()
    ttl_ms: int = 0
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    tool: Tool | None = None

    def __post_init__(self) -> None:
        flatten(self.labels, field="labels")
        flatten(self.principal.claims, field="claims")
