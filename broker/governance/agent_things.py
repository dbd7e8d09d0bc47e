"""Agents that are registered in the facts log alone, as records."""

from msgspec import UNSET

from broker.governance.records import AgentRecord, IdentityRecord, Risk, Status
from broker.model.fact import Thing


def record_of(agent: Thing) -> AgentRecord:
    """Return what ``agents.yaml`` would say of an agent."""
    return AgentRecord(
        name=agent.name,
        tenant=agent.tenant,
        owner=agent.owner,
        purpose=agent.purpose,
        status=Status(agent.status),
        risk=Risk(agent.risk) if agent.risk else None,
        quota=agent.quota or None,
        review_by=agent.review_by or UNSET,
        identities=identities_of(agent) or UNSET,
        ceiling=agent.ceiling or UNSET,
    )


def identities_of(thing: Thing) -> tuple[IdentityRecord, ...]:
    """Return the identities that an agent or a person states; none admits every issuer's word."""
    pairs = (pair.partition(" ") for pair in thing.identities)
    return tuple(IdentityRecord(issuer=issuer, subject=rest) for issuer, _, rest in pairs)
