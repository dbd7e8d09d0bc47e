"""Who acts in the stateful test, and what there is to be had."""

from typing import Final

from broker.facts.facts import Facts
from broker.governance.published import Published
from broker.model.capability import Capability, CheckMode, ResourceServer
from broker.model.decision import Obligations, Permit, Trace
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.policy.query import Query

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
FAR: Final = 10**14

TENANTS: Final = ("acme", "globex")
AGENTS: Final = ("ant", "bee")
INSTANCES: Final = ("pod-1", "pod-2")
ISSUERS: Final = ("https://one.example", "https://two.example")
SCOPES: Final = frozenset({"read", "write"})

SERVERS: Final = {
    server.audience: server
    for server in (
        ResourceServer("orders", CheckMode.FEED, frozenset({ALL_TENANTS}), staleness_ms=5_000),
        ResourceServer("files", CheckMode.FEED, frozenset({"acme", "globex"}), strict=False),
        ResourceServer("mail", CheckMode.INTROSPECT, frozenset({ALL_TENANTS}), cache_ms=2_000),
        ResourceServer("ftp", CheckMode.OFFLINE, frozenset({ALL_TENANTS})),
    )
}
"""One of each way to learn that a token is dead."""

CAPABILITIES: Final = {
    audience: Capability(
        name=audience,
        backend="jwt",
        audience=audience,
        scopes=SCOPES,
        max_ttl_ms=4 * MINUTE,
        default_ttl_ms=2 * MINUTE,
        tenants=frozenset(TENANTS),
        data_class="",
    )
    for audience in SERVERS
}

QUOTAS: Final = {"agent": 6, "tenant": 8}


class FewEach:
    """The same quota for everybody."""

    def of_agent(self, _name: str) -> int:
        """Return an agent's quota."""
        return QUOTAS["agent"]

    def of_tenant(self, _name: str) -> int:
        """Return a tenant's quota."""
        return QUOTAS["tenant"]


class PermitAll:
    """Policy has its own tests: here it never stands in the way."""

    version = "all"

    def decide(self, _query: Query) -> Permit:
        """Permit."""
        return Permit(Obligations(), Trace(self.version, 0))


class Everybody:
    """Whoever acts here is registered as what it says."""

    def confirm(self, caller: Principal) -> Principal:
        """Let it act."""
        return caller


def published(revision: int) -> Published:
    """Make a revision; only its number ever differs."""
    return Published(
        revision=revision,
        digest="d",
        engine=PermitAll(),  # type: ignore[arg-type]  # nothing explains here
        registry=Everybody(),  # type: ignore[arg-type]  # principals are made, not attested
        capabilities=CAPABILITIES,
        resource_servers=SERVERS,
        quotas=FewEach(),  # type: ignore[arg-type]
        offline_ttl_ms=5 * MINUTE,
        facts=Facts(),
    )


def agent(name: str, instance: str, issuer: str, expires_at_ms: int = FAR) -> Principal:
    """Make one running copy of an agent."""
    return _principal(Kind.AGENT, name, frozenset(TENANTS), instance, issuer, expires_at_ms)


def orchestrator(issuer: str) -> Principal:
    """Make the one that opens root tasks."""
    return _principal(Kind.ORCHESTRATOR, "ci", frozenset(TENANTS), "ci-1", issuer)


def operator(tenant: str) -> Principal:
    """Make an operator of one tenant, or of all."""
    return _principal(Kind.OPERATOR, f"op-{tenant}", frozenset({tenant}), "desk", ISSUERS[0])


def _principal(
    kind: Kind,
    name: str,
    tenants: frozenset[str],
    instance: str,
    issuer: str,
    expires_at_ms: int = FAR,
) -> Principal:
    return Principal(kind, name, tenants, instance, issuer, f"subject-of-{name}", expires_at_ms)
