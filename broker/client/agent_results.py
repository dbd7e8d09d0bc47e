"""What the broker's API answers about agents (``docs/api.md``), typed. Names are the API's own."""

from datetime import datetime

import msgspec

from broker.client.results import OpenBreakGlass, Page, StandingCut, Task


class AgentQuota(msgspec.Struct, frozen=True, kw_only=True):
    """How many live credentials an agent may have, and how many are counted against that."""

    limit: int
    in_use: int


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why a thing counts for nothing until the hold is lifted, who said so, and when."""

    reason: str
    by: str
    at: datetime


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as it is registered. ``source``: who declares it; ``bundle`` is agents.yaml."""

    name: str
    tenant: str
    owner: str
    purpose: str
    teams: tuple[str, ...]
    status: str
    risk: str
    quota: AgentQuota
    source: str = ""
    hold: Hold | None = None
    review_by: str = ""
    review_overdue: bool = False
    ceiling: tuple[str, ...] = ()
    open_break_glass: tuple[OpenBreakGlass, ...] = ()
    """The emergencies that are open for it."""


class AgentTasks(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's open tasks; unless ``complete``, there are more, or may be.

    ``first`` has some of them, ``all`` is where the broker lists them all.
    """

    open: int
    complete: bool
    first: tuple[Task, ...]
    all: str


class AgentCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's live credentials; unless ``complete``, there may be more."""

    live: int
    complete: bool
    capabilities: dict[str, int]
    next_expiry: datetime | None
    last_issued_at: datetime | None


class AgentView(Agent, frozen=True, kw_only=True):
    """An agent, and what is live of it now; ``cuts`` are those that cover all that is its."""

    tasks: AgentTasks
    credentials: AgentCredentials
    cuts: tuple[StandingCut, ...]


class AgentPage(Page, frozen=True, kw_only=True):
    """One page of agents."""

    agents: tuple[Agent, ...]
