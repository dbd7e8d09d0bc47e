"""What a bundle declares, as the facts below the log's."""

from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from broker.facts.base import About, Base, tenant_thing
from broker.governance.document import BundleDocument
from broker.governance.records import AgentRecord, AgentsFile, IdentityRecord
from broker.model.fact import BUNDLE, Ref, Relation, Relationship, Thing, ThingKind, agent_ref


def base_of(document: BundleDocument) -> Base:
    """Return who is registered in a bundle, their teams, and what capabilities are about."""
    return Base(_things(document), _memberships(document), _about(document))


def base_of_agents(file: AgentsFile) -> Base:
    """Return who is registered in ``agents.yaml`` alone."""
    registered = BundleDocument(
        tenants=file.tenants,
        teams=file.teams,
        agents=file.agents,
        orchestrators=(),
        operators=(),
        capabilities=(),
        resource_servers=(),
        schema="",
        policies=(),
    )
    return base_of(registered)


def _about(document: BundleDocument) -> dict[str, About]:
    stated = ((record.name, record.about) for record in document.capabilities)
    parts = ((name, about.partition(":")) for name, about in stated if about is not UNSET)
    return {name: (ThingKind(kind), thing) for name, (kind, _, thing) in parts}


def _things(document: BundleDocument) -> Iterator[Thing]:
    yield from (tenant_thing(tenant.name) for tenant in document.tenants)
    for team in document.teams:
        yield Thing(kind=ThingKind.TEAM, tenant="", name=team.name, source=BUNDLE)
    yield from map(_agent, document.agents)


def _agent(record: AgentRecord) -> Thing:
    return Thing(
        kind=ThingKind.AGENT,
        tenant=record.tenant,
        name=record.name,
        source=BUNDLE,
        status=record.status.value,
        owner=record.owner,
        purpose=record.purpose,
        risk="" if record.risk is None else record.risk.value,
        review_by="" if record.review_by is UNSET else record.review_by,
        identities=_pairs(record.identities),
        quota=record.quota or 0,
        ceiling=() if record.ceiling is UNSET else record.ceiling,
    )


def _pairs(stated: tuple[IdentityRecord, ...] | UnsetType) -> tuple[str, ...]:
    return () if stated is UNSET else tuple(f"{each.issuer} {each.subject}" for each in stated)


def _memberships(document: BundleDocument) -> Iterator[Relationship]:
    teams = _teams(document)
    for record in document.agents:
        for team in sorted(teams[record.name]):
            subject = agent_ref(record.tenant, record.name)
            shared = Ref(ThingKind.TEAM, "", team)
            yield Relationship(subject, Relation.MEMBER_OF, shared, source=BUNDLE)


def _teams(document: BundleDocument) -> dict[str, set[str]]:
    """Return the teams of each agent, whether stated there or at the team."""
    teams: dict[str, set[str]] = {record.name: set(record.teams) for record in document.agents}
    for team in document.teams:
        for member in team.members:
            teams.setdefault(member, set()).add(team.name)
    return teams
