"""What is said of the uses of a task's credentials, as it is sent and as it is shown."""

from datetime import datetime

import msgspec


class SayUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Exchanges that were alike, as they are sent: what they had in common, how often, when.

    The instants are written in RFC 3339, in UTC.
    """

    outcome: str
    """``answered``, ``tunnelled``, ``refused``, ``cut``, ``broken``."""
    times: int
    first_at: str
    last_at: str
    credential: str = ""
    """The id of the credential that was used; empty: none was."""
    need: str = ""
    rule: str = ""
    method: str = ""
    host: str = ""
    port: int = 0
    status: int = 0
    problem: str = ""
    masked: bool = False


class SaidUse(msgspec.Struct, frozen=True, kw_only=True):
    """Exchanges that were alike, as they are shown of a whole task."""

    outcome: str
    credential: str
    capability: str
    need: str
    rule: str
    method: str
    host: str
    port: int
    status: int
    problem: str
    masked: bool
    times: int
    said_at: datetime
    """When that was said last."""


class SaidUses(msgspec.Struct, frozen=True, kw_only=True):
    """All that was said of one task. Nobody has checked it: ``said_by`` is whose word it is."""

    task: str
    said_by: str
    said_at: datetime | None
    uses: tuple[SaidUse, ...]
    others: int
    """Exchanges of kinds beyond those that are kept."""
    untold: int
    """Exchanges of which the agent's side knows that they were not told."""
