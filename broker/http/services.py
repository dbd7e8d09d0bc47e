"""Everything that the HTTP edge calls, in one value."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from broker.clock import Clock
from broker.http import end_ports, fact_ports, glass_ports, ports, review_ports, said_ports
from broker.http.limits import Limits
from broker.http.possession import Possession
from broker.metrics import Metrics
from broker.model.principal import Principal
from broker.proof.confirmation import ProvenKeys

Authenticate = Callable[[str], Awaitable[Principal]]
"""Attests a bearer token, or raises :class:`~broker.errors.AttestationError`."""


class Clients(Protocol):
    """Those who show a client certificate."""

    def by_certificate(self, chain: Sequence[bytes]) -> Principal:
        """Attest a certificate, or raise :class:`~broker.errors.AttestationError`."""
        ...

    def key_of(self, chain: Sequence[bytes]) -> ProvenKeys:
        """Return the key of a certificate that somebody declared vouches for."""
        ...


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps the broker from being ready, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class FactsState:
    """Which revision of the facts decisions read, and how long ago it was the newest.

    ``age_ms`` -1: it was never confirmed.
    """

    revision: int = 0
    age_ms: int = -1


@dataclass(frozen=True, slots=True)
class Readiness:
    """What ``/readyz`` answers. ``is_ready`` decides between 200 and 503."""

    is_ready: bool
    mode: Literal["full", "revoke-only", "draining"]
    durability: str
    reasons: tuple[Reason, ...] = ()
    facts: FactsState = FactsState()


@dataclass(frozen=True, slots=True)
class KeySet:
    """Our public keys as they are shown: the JWK Set, and the number of its manifest.

    ``max_age_s`` says for how many seconds whoever fetches it may keep it.
    """

    document: Mapping[str, object]
    manifest: int
    max_age_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The verbs, and what else the edge needs.

    ``issuer`` is our own ``iss``, which the metadata names. ``came`` is called with each request,
    ``request_id`` names it. ``extra_routes`` are authenticated like all others.
    """

    tasks: ports.Tasks
    freezing: ports.Freezing
    findings: ports.Findings
    signals: ports.Signals
    ends: end_ports.Ends
    said: said_ports.Said
    listing: ports.Listing
    trees: ports.Trees
    agents: ports.Agents
    issuance: ports.Issuance
    approvals: ports.Approvals
    credentials: ports.Credentials
    revocations: ports.Revocations
    order_list: ports.OrderList
    selections: ports.Selections
    glass: glass_ports.Glass
    cuts: ports.Cuts
    sessions: ports.Sessions
    reports: ports.Reports
    introspection: ports.Introspection
    explain: ports.Explain
    evaluations: ports.Evaluations
    revisions: ports.Revisions
    reviews: review_ports.Reviews
    facts: fact_ports.Facts
    authenticate: Authenticate
    clients: Clients
    possession: Possession
    readiness: Callable[[], Readiness]
    jwks: Callable[[], Awaitable[KeySet]]
    metrics: Metrics
    came: Callable[[], None]
    limits: Limits
    clock: Clock
    log: FilteringBoundLogger
    issuer: str
    durability: str
    request_id: Callable[[], str]
    extra_routes: Sequence[web.RouteDef] = ()
