"""What a bundle declares, as the facts below the log's."""

from collections.abc import Iterator

from broker.facts.base import Base, tenant_thing
from broker.governance.document import BundleDocument
from broker.governance.records import AgentRecord
from broker.governance.roster import Roster
from broker.model.fact import BUNDLE, Ref, Relation, Relationship, Thing, ThingKind, agent_ref


def base_of(document: BundleDocument) -> Base:
    """Return the tenants, teams, agents and memberships of a bundle."""
    return Base(_things(document), _memberships(document))


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
        quota=record.quota or 0,
    )


def _memberships(document: BundleDocument) -> Iterator[Relationship]:
    roster = Roster(document)
    for record in document.agents:
        enrolled = roster.find(record.name)
        for team in () if enrolled is None else enrolled.teams:
            subject = agent_ref(record.tenant, record.name)
            shared = Ref(ThingKind.TEAM, "", team)
            yield Relationship(subject, Relation.MEMBER_OF, shared, source=BUNDLE)
