"""Everything that ``broker.yaml`` says.

``config/broker.yaml`` shows every setting with its default; a test keeps the two together. Paths
are relative to the file that names them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from broker.settings.behaviour import Behaviour
from broker.settings.ends import Ends
from broker.settings.fault import Fault
from broker.settings.limits import (
    Approvals,
    ClockLimits,
    Dpop,
    FactsLimits,
    FeedLimits,
    Limits,
    Log,
    QuotaDefaults,
    Reaper,
    Reevaluation,
    TaskLimits,
)
from broker.settings.listening import Listen
from broker.settings.notify import Notify
from broker.settings.policy import PolicySettings
from broker.settings.ranges import Seconds
from broker.settings.signals import Signals
from broker.settings.store import StoreSettings

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class KeyFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the signing keys lie, and how slowly they change."""

    directory: Path
    """Made by ``broker keys init``; readable by the broker only."""
    cache_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 60
    """How long whoever fetches our public keys may keep them. Default 60."""
    overlap_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 300
    """How long a new key is shown before it signs, and an old one after its last token has died.
    Default 300; no less than ``cache_seconds``, and than verifiers take to fetch them again."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if self.overlap_seconds < self.cache_seconds:
            yield Fault(
                ("overlap_seconds",),
                "a key would sign before everybody who keeps our keys has seen it",
                "write at least cache_seconds",
            )


class BundleFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The files that ``broker apply`` makes the published bundle of.

    A running broker does not read them: it uses what is published.
    """

    agents: Path
    """Tenants, teams, agents, orchestrators, operators."""
    capabilities: Path
    """What can be asked for."""
    resource_servers: Path
    """Who accepts our tokens, and how each learns that one is dead."""
    schema: Path
    """The Cedar schema."""
    policies: Path
    """A folder: every ``*.cedar`` in it is policy, ``tests.yaml`` says what must hold of them."""


class Audit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the audit trail goes."""

    file: Path
    """Appended to, never rewritten. Each broker process has one of its own."""
    name: str = ""
    """What the ledger calls this trail: what it lacks is kept for it. Default: host name and path,
    so give a name where host names change (pods)."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if self.name and re.fullmatch(r"[A-Za-z0-9._-]{1,64}", self.name) is None:
            yield Fault(("name",), "not a name", "write 1 to 64 of A-Z a-z 0-9 . _ -")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of ``broker.yaml``."""

    issuer: str
    """Our own ``iss``: an https URL, or http on loopback. Verifiers compare it letter by letter."""
    listen: Listen = msgspec.field(default_factory=Listen)
    store: StoreSettings
    keys: KeyFiles
    issuers: Path
    """A list of the issuers whose workload tokens are accepted."""
    bundle: BundleFiles
    policy: PolicySettings = msgspec.field(default_factory=PolicySettings)
    audit: Audit
    targets: Path | None = None
    """The servers at which other credentials than our own tokens live. Default none."""
    limits: Limits = msgspec.field(default_factory=Limits)
    tasks: TaskLimits = msgspec.field(default_factory=TaskLimits)
    quotas: QuotaDefaults = msgspec.field(default_factory=QuotaDefaults)
    reaper: Reaper = msgspec.field(default_factory=Reaper)
    reevaluation: Reevaluation = msgspec.field(default_factory=Reevaluation)
    approvals: Approvals = msgspec.field(default_factory=Approvals)
    clock: ClockLimits = msgspec.field(default_factory=ClockLimits)
    facts: FactsLimits = msgspec.field(default_factory=FactsLimits)
    feed: FeedLimits = msgspec.field(default_factory=FeedLimits)
    dpop: Dpop = msgspec.field(default_factory=Dpop)
    notify: Notify = msgspec.field(default_factory=Notify)
    behaviour: Behaviour = msgspec.field(default_factory=Behaviour)
    signals: Signals = msgspec.field(default_factory=Signals)
    ends: Ends = msgspec.field(default_factory=Ends)
    retention_seconds: Seconds = 604_800
    """How long the ledger remembers what has ended. Default 604800, a week."""
    drain_seconds: Seconds = 10
    """How long requests under way may take to finish when the broker stops. Default 10."""
    panic_socket: Path | None = None
    """A unix socket for `broker panic`, of mode 0600, that can only revoke. Default none."""
    log: Log = msgspec.field(default_factory=Log)

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong, as far as one part cannot see it alone."""
        if (message := issuer_fault(self.issuer)) is not None:
            yield Fault(("issuer",), message, "write https://… without query and fragment")
        if self.retention_seconds < self.tasks.max_ttl_seconds:
            yield Fault(
                ("retention_seconds",),
                "the record of a death would be gone before the credential",
                "write at least tasks.max_ttl_seconds",
            )


def issuer_fault(url: str) -> str | None:
    """Tell what keeps a URL from being our issuer (RFC 8414 §2), or None."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "not a URL"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "not a URL"
    if parts.username is not None or parts.query or parts.fragment or url.endswith(("?", "#")):
        return "a URL with more than scheme, host and path"
    if not host or parts.scheme not in {"https", "http"}:
        return "not an https URL"
    return None if parts.scheme == "https" or host in _LOOPBACK else "http beyond loopback"
