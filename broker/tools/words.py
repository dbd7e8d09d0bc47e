"""What an agent is told by a tool of the broker. No secret is among it.

Without slots: the SDK takes what a class has under a member's name for its default.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Place:
    """Where a credential can be used from."""

    kind: str
    """``file``: it stands there, for this user alone. ``stand-in``: a proxy puts it in."""

    where: str
    """The path of the file, or the stand-in, which is of no use anywhere but at the proxy."""

    use: str
    """One sentence: how it is used."""


@dataclass(frozen=True)
class Given:
    """A credential that was given or renewed."""

    credential: str
    capability: str
    scopes: list[str]
    expires_at: datetime
    place: Place


@dataclass(frozen=True)
class Seen:
    """A credential of the task, as the ledger has it."""

    credential: str
    capability: str
    scopes: list[str]
    expires_at: datetime
    alive: bool
    ended_by: str
    place: Place | None
    """None: it was not given here."""


@dataclass(frozen=True)
class TaskSeen:
    """The task that the agent works on."""

    task: str
    name: str
    state: str
    is_frozen: bool
    ends_at: datetime
    may_have: dict[str, list[str]]
    """The capabilities that it may have at most, each with its scopes; policy may say less."""

    tickets: list[str]
    resources: list[str]


@dataclass(frozen=True)
class Refusal:
    """Something that was refused, and how to ask better."""

    asked: str
    told: str
