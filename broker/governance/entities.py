"""What policy knows of the registered."""

from collections.abc import Iterator

from broker.governance.document import BundleDocument
from broker.governance.records import AgentRecord, CapabilityRecord
from broker.model.capability import CheckMode, ResourceServer
from broker.policy.entity import Attribute, Entity, EntityName


def entities_of(document: BundleDocument) -> tuple[Entity, ...]:
    """Make the entities that ``config/schema.cedarschema`` describes."""
    return (*_teams(document), *_agents(document), *_people(document), *_capabilities(document))


def _teams(document: BundleDocument) -> Iterator[Entity]:
    return (Entity(EntityName("Team", team.name)) for team in document.teams)


def _agents(document: BundleDocument) -> Iterator[Entity]:
    for agent in document.agents:
        teams = set(agent.teams)
        teams.update(team.name for team in document.teams if agent.name in team.members)
        parents = tuple(EntityName("Team", team) for team in sorted(teams))
        yield Entity(EntityName("Agent", agent.name), _agent_attributes(agent), parents)


def _agent_attributes(agent: AgentRecord) -> dict[str, Attribute]:
    known: dict[str, Attribute] = {
        "tenant": agent.tenant,
        "owner": agent.owner,
        "purpose": agent.purpose,
        "status": agent.status.value,
    }
    return known if agent.risk is None else known | {"risk": agent.risk.value}


def _people(document: BundleDocument) -> Iterator[Entity]:
    for orchestrator in document.orchestrators:
        name = EntityName("Orchestrator", orchestrator.name)
        yield Entity(name, {"tenants": orchestrator.tenants})
    for operator in document.operators:
        yield Entity(EntityName("Operator", operator.name), {"tenants": operator.tenants})


def _capabilities(document: BundleDocument) -> Iterator[Entity]:
    servers = document.servers_by_audience()
    for record in document.capabilities:
        attributes = _capability_attributes(record, servers.get(record.audience))
        yield Entity(EntityName("Capability", record.name), attributes)


def _capability_attributes(
    record: CapabilityRecord, server: ResourceServer | None
) -> dict[str, Attribute]:
    check = CheckMode.OFFLINE if server is None else server.check
    known: dict[str, Attribute] = {
        "tenants": record.tenants,
        "audience": record.audience,
        "scopes": record.scopes,
        "check": "target" if record.target_name else check.value,
    }
    return known if record.data_class is None else known | {"dataClass": record.data_class}
