"""What the parts of a bundle must mean to each other.

Each fault's path begins with the section it is in: ``("capabilities", 3, "tenants", 0)``.
"""

from collections.abc import Collection, Iterator, Sequence

from broker.governance.document import BundleDocument
from broker.governance.records import CapabilityRecord
from broker.model.capability import CheckMode, ResourceServer
from broker.model.principal import ALL_TENANTS
from broker.settings.fault import Fault, Path


def reference_faults(document: BundleDocument) -> Iterator[Fault]:
    """Find every name that is taken twice, and every one that is used but not registered."""
    yield from _unique_faults(document)
    yield from _tenant_faults(document)
    yield from _team_faults(document)
    yield from _vector_faults(document)


def capability_faults(document: BundleDocument) -> Iterator[Fault]:
    """Find capabilities whose tokens their resource server could not take away in time."""
    servers = document.servers_by_audience()
    for index, record in enumerate(document.capabilities):
        server = servers.get(record.audience)
        faults = [*_ttl_faults(record, server, document.offline_max_ttl_seconds)]
        faults += _border_faults(record, server)
        yield from (fault.under("capabilities", index) for fault in faults)


def offline_capabilities(document: BundleDocument) -> tuple[str, ...]:
    """Name the capabilities whose audience nobody registered: their tokens die only of age."""
    servers = document.servers_by_audience()
    return tuple(
        c.name for c in document.capabilities if not c.target_name and c.audience not in servers
    )


def _ttl_faults(
    record: CapabilityRecord, server: ResourceServer | None, ceiling: int
) -> Iterator[Fault]:
    is_offline = server is None or server.check is CheckMode.OFFLINE
    is_offline = is_offline and not record.target_name  # a target is told, whoever registered
    if is_offline and record.max_ttl_seconds > ceiling:
        yield Fault(
            ("max_ttl_seconds",),
            f"above {ceiling} seconds, though nothing can revoke a token for {record.audience}",
            "write less, or register the audience as one that introspects or reads the feed",
        )


def _border_faults(record: CapabilityRecord, server: ResourceServer | None) -> Iterator[Fault]:
    if server is None or ALL_TENANTS in server.tenants:
        return
    for index, tenant in enumerate(record.tenants):
        if tenant not in server.tenants:
            yield Fault(
                ("tenants", index),
                f"{tenant} is not served by {record.audience}",
                "add it there, or remove it here",
            )


def _unique_faults(document: BundleDocument) -> Iterator[Fault]:
    for section in ("tenants", "teams", "agents", "orchestrators", "operators", "capabilities"):
        names = [record.name for record in getattr(document, section)]
        yield from _repeated(names, section, "name")
    audiences = [record.audience for record in document.resource_servers]
    yield from _repeated(audiences, "resource_servers", "audience")
    yield from _repeated([vector.name for vector in document.tests], "tests", "name")


def _repeated(names: Sequence[str], section: str, key: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Fault((section, index, key), f"{name} is there already", "rename one of them")
        seen.add(name)


def _tenant_faults(document: BundleDocument) -> Iterator[Fault]:
    known = {tenant.name for tenant in document.tenants}
    for index, agent in enumerate(document.agents):
        if agent.tenant not in known:
            yield _unknown("tenant", agent.tenant, ("agents", index, "tenant"))
    for section in ("orchestrators", "operators", "capabilities", "resource_servers"):
        for index, record in enumerate(getattr(document, section)):
            path = (section, index, "tenants")
            yield from _unknowns("tenant", record.tenants, known | {ALL_TENANTS}, path)


def _team_faults(document: BundleDocument) -> Iterator[Fault]:
    teams = {team.name for team in document.teams}
    agents = {agent.name for agent in document.agents}
    for index, agent in enumerate(document.agents):
        yield from _unknowns("team", agent.teams, teams, ("agents", index, "teams"))
    for index, team in enumerate(document.teams):
        yield from _unknowns("agent", team.members, agents, ("teams", index, "members"))


def _vector_faults(document: BundleDocument) -> Iterator[Fault]:
    known = {capability.name for capability in document.capabilities}
    for index, vector in enumerate(document.tests):
        path = ("tests", index, "capability")
        if vector.capability is not None and vector.capability not in known:
            yield _unknown("capability", vector.capability, path)
        if (vector.capability is None) is vector.action.is_about_credential:
            remedy = "state it for RequestCredential and RenewCredential, and for nothing else"
            yield Fault(path, f"does not go with {vector.action}", remedy)


def _unknowns(
    what: str, names: Sequence[str], known: Collection[str], path: Path
) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name not in known:
            yield _unknown(what, name, (*path, index))


def _unknown(what: str, name: str, path: Path) -> Fault:
    return Fault(path, f"no {what} is called {name}", f"register the {what}, or mend the name")
