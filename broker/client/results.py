"""What the broker's API answers (``docs/api.md``), typed. Names are the API's own.

Members that this version does not know are passed over, so that a newer broker can say more.
Instants are aware :class:`datetime.datetime` values in UTC, secrets are wrapped.
"""

from datetime import datetime
from typing import Final

import msgspec
from yarl import URL

from broker.client.errors import BrokerAnswerError
from broker.secret import Secret

MAX_CURSOR_CHARS: Final = 2_048
"""More than any cursor of the broker."""


class Ceiling(msgspec.Struct, frozen=True):
    """One line of a task's ceiling: this capability, at most these scopes."""

    capability: str
    scopes: tuple[str, ...]


class OpenBreakGlass(msgspec.Struct, frozen=True, kw_only=True):
    """An emergency that is open now, as it marks what it is about."""

    id: str
    task: str
    agent: str
    capability: str
    scopes: tuple[str, ...]
    ends_at: datetime


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as the ledger has it now; ``alive`` is the ledger's judgement, ancestors included."""

    id: str
    name: str
    tenant: str
    agent: str
    instance: str
    opener: str
    on_behalf_of: str
    delegated_by: str = ""
    """The person who has handed this on with a token of her own; otherwise it is only said."""
    ceiling: tuple[Ceiling, ...]
    tickets: tuple[str, ...]
    resources: tuple[str, ...]
    audiences: tuple[str, ...] | None = None
    """The only ones that credentials of its tree are for; None: any."""
    max_levels: int | None = None
    max_children: int | None = None
    max_below: int | None = None
    parent: str
    path: tuple[str, ...]
    state: str
    alive: bool
    opened_at: datetime
    deadline: datetime
    idle_timeout_seconds: int | float
    agent_seen_at: datetime | None
    opener_seen_at: datetime | None
    closed_at: datetime | None
    ended_by: str
    closed_by: str
    frozen: bool = False
    """It, or an ancestor, is frozen: nothing is given until an operator thaws that."""
    frozen_at: datetime | None = None
    frozen_by: str = ""
    frozen_reason: str = ""
    open_break_glass: tuple[OpenBreakGlass, ...] = ()
    """The emergencies that are open for it, where it is shown or listed."""


class OpenedTask(Task, frozen=True, kw_only=True):
    """A task that was just opened, with the handle by which an instance claims it, if it must."""

    claim_handle: Secret | None = None


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as the ledger has it now, without the credential itself."""

    id: str
    task: str
    kind: str
    capability: str
    audience: str
    scope: str
    issued_at: datetime
    expires_at: datetime
    max_expires_at: datetime
    generation: int
    renewable: bool
    state: str
    alive: bool
    ended_at: datetime | None
    ended_by: str
    decision: dict[str, object]
    """Which policies allowed it, of which version, on which revision of the facts."""
    break_glass: str | msgspec.UnsetType = msgspec.UNSET
    """The emergency that it was had in; left out in every other case."""


class IssuedCredential(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one answer that delivers a credential.

    A token of the broker's is ``access_token``; a credential at a target of its own is ``secret``:
    its words by name, such as ``username`` and ``password``. Reveal either where it is used.
    """

    id: str
    task: str
    kind: str
    capability: str
    audience: str
    scope: str
    expires_in: int
    issued_at: datetime
    expires_at: datetime
    max_expires_at: datetime
    generation: int
    renewable: bool
    bound_to: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """The key that it is bound to, as its ``cnf`` says; left out when there is none."""
    break_glass: str = ""
    """The emergency that it was had in; empty in every other case."""
    access_token: Secret = Secret("")
    token_type: str = ""
    target: str = ""
    secret: dict[str, Secret] = msgspec.field(default_factory=dict)
    reach: object = msgspec.UNSET
    """What it is for at servers that speak HTTP, for :func:`broker.reach.reach.parse_reach`.

    Unset where its capability does not say. Kept as it came: an answer of which this alone cannot
    be read still delivers the credential, and whoever judges by it refuses.
    """

    @property
    def is_bound_to_dpop(self) -> bool:
        """Tell whether each request must prove the agent's key (RFC 9449 §5; no case)."""
        return self.token_type.lower() == "dpop"

    @property
    def certificate_thumbprint(self) -> str:
        """The certificate that it is bound to (RFC 8705 §3.1); empty when to none."""
        bound_to = {} if isinstance(self.bound_to, msgspec.UnsetType) else self.bound_to
        return bound_to.get("x5t#S256", "")


class NoLonger(msgspec.Struct, frozen=True, kw_only=True):
    """Why a credential would not be granted any more: the word of a refusal, and what it is about.

    ``policies`` say so, ``missing`` would have had to hold, ``gone`` held when it was granted.
    """

    reason: str
    policies: tuple[str, ...]
    missing: tuple[str, ...]
    gone: tuple[str, ...]
    revision: int
    facts_revision: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one credential. ``confirmed`` means: its target refuses it from now on."""

    credential: str
    task: str
    capability: str
    kind: str
    audience: str
    state: str
    detail: str
    revoked_at: datetime | None
    expires_at: datetime | None
    target: str = ""
    """The target of a credential that has one; then also how its killing there goes."""
    attempts: int = 0
    tried_at: datetime | None = None
    next_attempt_at: datetime | None = None
    settled_at: datetime | None = None
    why: NoLonger | None = None
    """Only for operators, and only of what ended because it would not be granted any more."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order on a set has come."""

    ended: int
    total: int


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's order; until it is acknowledged some bucket has not taken it."""

    id: str
    selector: dict[str, str | bool]
    reason: str
    ordered_by: str
    ordered_at: datetime
    issued_before: datetime | None
    acknowledged: bool
    pending_buckets: tuple[int, ...]
    progress: Progress | None = None
    """Only for an order on a set, which dies piece by piece."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """A set of live credentials, under the digest by which it can be revoked."""

    digest: str
    criteria: dict[str, str | int | bool]
    count: int
    agents: dict[str, int]
    capabilities: dict[str, int]
    unreadable: int
    taken_at: datetime
    taken_by: str
    issued_before: datetime | None
    epoch: str


class PickedCredential(Credential, frozen=True, kw_only=True):
    """A credential of a set, as it is now."""

    agent: str
    tenant: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of any list."""

    next: str | None = None

    @property
    def cursor(self) -> str:
        """Where the next page begins; empty on the last one.

        Raises:
            BrokerAnswerError: the link to it is none.
        """
        return cursor_of(self.next)


def cursor_of(following: str | None) -> str:
    """Read where the next page begins out of the link to it; empty when there is none.

    Raises:
        BrokerAnswerError: the link is none.
    """
    try:
        cursor = URL(following).query.get("cursor", "") if following else ""
    except ValueError:
        raise BrokerAnswerError("the link to the next page is malformed") from None
    if len(cursor) > MAX_CURSOR_CHARS:
        raise BrokerAnswerError("the link to the next page is too long")
    return cursor


class Report(Page, frozen=True, kw_only=True):
    """One page of the receipts of a task's end, or of a revocation."""

    durability: str
    counts: dict[str, int]
    receipts: tuple[Receipt, ...]
    task: Task | None = None
    revocation: Revocation | None = None


class TaskPage(Page, frozen=True, kw_only=True):
    """One page of tasks."""

    tasks: tuple[Task, ...]


class RevocationPage(Page, frozen=True, kw_only=True):
    """One page of orders."""

    revocations: tuple[Revocation, ...]


class CredentialPage(Page, frozen=True, kw_only=True):
    """One page of credentials."""

    credentials: tuple[Credential, ...]
    open_break_glass: tuple[OpenBreakGlass, ...] = ()


class StandingCut(msgspec.Struct, frozen=True, kw_only=True):
    """A cut that stands: nothing of it that was issued before is alive."""

    selector: dict[str, str | bool]
    issued_before: datetime
    until: datetime
    buckets: int
    revocation: str
    ordered_by: str
    reason: str


class CutList(Page, frozen=True, kw_only=True):
    """The cuts that stand."""

    cuts: tuple[StandingCut, ...]


class PickedPage(Page, frozen=True, kw_only=True):
    """One page of a set."""

    credentials: tuple[PickedCredential, ...]


class Introspected(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker says of a token (RFC 7662); members besides ``active`` only when alive."""

    active: bool
    jti: str = ""
    sub: str = ""
    client_id: str = ""
    aud: str = ""
    scope: str = ""
    exp: int = 0
