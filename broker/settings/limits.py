"""How much, how long, how often: every bound of the service, with its unit and default."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from broker.ids import MAX_DEPTH
from broker.settings.fault import Fault
from broker.settings.ranges import Count, Seconds


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one peer may take of the HTTP server."""

    body_bytes: Annotated[int, Meta(ge=1_024, le=1_048_576)] = 65_536
    """The largest request body, in bytes. Default 65536."""
    header_seconds: Seconds = 5
    """How long a peer may take to send its headers. Default 5."""
    body_seconds: Seconds = 10
    """How long a peer may take to send its body. Default 10."""
    connections_per_peer: Count = 64
    """Open connections from one address. Default 64."""
    connections: Count = 1_024
    """Open connections in all. Default 1024."""


class TaskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a task may at most be."""

    max_ttl_seconds: Seconds = 28_800
    """How long after its opening a task's deadline may lie. Default 28800, eight hours."""
    default_idle_seconds: Seconds = 300
    """How long an agent may stay silent when the task does not say. Default 300."""
    max_depth: Annotated[int, Meta(ge=1, le=MAX_DEPTH)] = MAX_DEPTH
    """How many tasks a path may hold, the root included. Default and most: 8."""
    max_live_credentials: Count = 100
    """Live credentials of one task tree. Default 100."""
    max_children: Count = 32
    """Open child tasks of one task. Default 32."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if self.default_idle_seconds > self.max_ttl_seconds:
            yield Fault(
                ("default_idle_seconds",),
                "longer than any task may live",
                "write at most max_ttl_seconds",
            )


class QuotaDefaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Live credentials at one time, where the registered agent or tenant states no number."""

    agent: Count = 500
    """Of one agent. Default 500."""
    tenant: Count = 5_000
    """Of one tenant. Default 5000."""


class Reaper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often what is due is looked for, and how much of it is taken at once."""

    interval_ms: Annotated[int, Meta(ge=10, le=2_000)] = 500
    """Default 500, at most 2000: a bucket that nobody looks at for longer counts as abandoned."""
    batch: Annotated[int, Meta(ge=1, le=200)] = 100
    """Entries of one bucket at a time. Default 100, at most 200: no command holds Redis long."""
    claim_seconds: Seconds = 30
    """How long claimed work is hidden from other brokers, who then do a dead one's. Default 30."""


class Reevaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of live credentials when facts or policies change."""

    brake_leases: Annotated[int, Meta(ge=0, le=1_000_000)] = 25
    """So many may die of one change of facts or policies before whoever makes it has to say that
    they are meant. Default 25."""
    busy_percent: Annotated[int, Meta(ge=1, le=100)] = 5
    """Of a broker's time for deciding on them again while requests come; else all of it. Small
    changes take what they need. Default 5."""


class Approvals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that people have to agree to."""

    pending_seconds: Annotated[int, Meta(ge=10, le=86_400)] = 3_600
    """How long one waits for its answer, if its task lives as long. Default 3600, at most a day."""
    after_no_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 300
    """For how long the same is not asked again after a no. Default 300."""
    per_agent: Count = 20
    """Open ones of one agent. Default 20."""
    per_task: Count = 10
    """Open ones of one task. Default 10."""
    noes_to_freeze: Annotated[int, Meta(ge=0, le=1_000)] = 3
    """So many noes to what one task asks for freeze it; 0: none do. Default 3."""


class ClockLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far clocks may stray."""

    max_skew_ms: Annotated[int, Meta(ge=100, le=60_000)] = 5_000
    """Between this machine and the ledger; beyond it the broker only revokes. Default 5000."""


class FactsLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Things and relationships that decisions read."""

    max_age_ms: Annotated[int, Meta(ge=1_000, le=60_000)] = 5_000
    """How long ago they may have been confirmed to be the newest; beyond it the broker only
    revokes. Default 5000."""


class FeedLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The revocation feed."""

    alive_ms: Annotated[int, Meta(ge=100, le=30_000)] = 1_000
    """Between two keep-alives. Default 1000."""
    log_keep_entries: Count = 20_000
    """How far back a subscriber resumes without a snapshot. Default 20000."""
    log_max_entries: Count = 200_000
    """How long the log grows while an audit trail lacks what it holds. Default 200000; from half of
    that on nothing is minted, at that shipping stops."""
    outbox_max_entries: Count = 100_000
    """Events of one bucket waiting to be moved. Default 100000; at that nothing is minted."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if self.log_max_entries < 2 * self.log_keep_entries:
            yield Fault(
                ("log_max_entries",),
                "an audit trail would hold minting up as soon as it lags",
                "write at least twice log_keep_entries",
            )


class Dpop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proofs of possession (RFC 9449)."""

    require_nonce: bool = False
    """Take a proof only with a nonce of ours, which it then cannot have been made before. Every
    client must know nonces; ours do. Default false."""
    nonce_seconds: Annotated[int, Meta(ge=10, le=3_600)] = 300
    """How long a nonce is good at least, and half of how long at most. Default 300."""


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The service's own log, on standard error. The audit trail is another thing."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Default info."""
    format: Literal["json", "console"] = "json"
    """Default json; console is for reading at a terminal."""
