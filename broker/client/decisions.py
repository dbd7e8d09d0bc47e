"""Why a decision fell as it did, as the broker answers it to operators."""

from datetime import datetime

import msgspec

from broker.client.results import NoLonger, OpenBreakGlass


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """How a decision came about. ``missing`` is what would have had to hold."""

    policy_version: str
    facts_revision: int
    policies: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class ConditionFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of a policy; ``error`` is what went wrong while evaluating it."""

    kind: str
    text: str
    holds: bool
    error: str = ""


class PolicyFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that had a say, and how its conditions fare."""

    policy: str
    effect: str
    conditions: tuple[ConditionFinding, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine says now of the same question; ``truncated``: more policies had a say.

    It is told by the facts of ``graph_revision``; time alone may make it another one at
    ``until_ms`` (since 1970), 0 is never. ``obligations`` are what a permit is bound to.
    """

    outcome: str
    reason: str
    policy_version: str
    facts_revision: int
    determining: tuple[str, ...]
    considered: tuple[PolicyFinding, ...]
    facts: tuple[str, ...]
    errors: tuple[str, ...]
    missing: tuple[str, ...]
    truncated: bool
    obligations: tuple[str, ...] = ()
    graph_revision: int = 0
    until_ms: int = 0


class Counterfactuals(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest sets of steps after which the answer would be ``to``.

    ``is_complete``: of the ``steps`` looked at, no other set of up to ``most_steps`` does it.
    """

    to: str
    sets: tuple[tuple[str, ...], ...]
    is_complete: bool
    most_steps: int
    steps: int
    tried: int


class Supposition(msgspec.Struct, frozen=True, kw_only=True):
    """What policy would say to a request that nobody has made."""

    explained_at_revision: int
    explanation: Explanation
    counterfactuals: Counterfactuals | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as it was recorded, and why it fell as it did."""

    decision: str
    tenant: str
    outcome: str
    reason: str
    trace: Trace
    request: dict[str, object]
    """What was asked, as policy saw it."""
    explained_at_revision: int
    explanation: Explanation
    counterfactuals: Counterfactuals | None = None
    open_break_glass: tuple[OpenBreakGlass, ...] = ()
    """The emergencies that are open for the task that it was about."""


class GrantUse(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a credential's use; nothing is no sign that there was none.

    ``seen_at`` is when a resource server was first told that it is alive; ``said_times`` is how
    often it was used as the agent's own side says, which nobody has checked.
    """

    seen_at: datetime | None
    said_times: int
    said_at: datetime | None


class GrantExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a credential was granted, and whether it would be granted now.

    ``why`` is what ended it, where that was that it would not be granted any more.
    """

    credential: str
    tenant: str
    state: str
    alive: bool
    ended_by: str
    trace: Trace
    request: dict[str, object]
    """What was asked; of a renewed one, by its last renewal."""
    used: GrantUse | None = None
    explained_at_revision: int
    explained_at_facts_revision: int
    granted_now: bool
    no_longer: NoLonger | None
    explanation: Explanation | None
    """What policy says of the request now; None when it can no longer be put."""
    counterfactuals: Counterfactuals | None = None
    why: NoLonger | None = None
    open_break_glass: tuple[OpenBreakGlass, ...] = ()
