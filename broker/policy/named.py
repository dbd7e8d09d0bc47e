"""Whom and what a query names: all that decides which part of the facts is looked at."""

from typing import Final, NamedTuple

from broker.model.fact import Ref, ThingKind, person_ref
from broker.model.principal import Kind
from broker.policy.entity import EntityName
from broker.policy.query import Query

ENTITY_TYPES: Final = {
    Kind.AGENT: "Agent",
    Kind.ORCHESTRATOR: "Orchestrator",
    Kind.OPERATOR: "Operator",
    Kind.RESOURCE: "ResourceServer",
    Kind.PERSON: "Person",
}
"""What principals are in policies."""

_TYPES: Final = {kind: kind.value.capitalize() for kind in ThingKind}


class Named(NamedTuple):
    """The names, without the rest of the query. A tuple, because it is hashed for each decision.

    ``above`` are the agents that have handed the task on. They have to be in order; policies are
    not shown them.
    """

    kind: Kind
    principal: str
    agent: str
    tenant: str
    capability: str
    behalf: str
    tickets: tuple[str, ...]
    above: tuple[str, ...] = ()
    tool: str = ""


def named_in(query: Query) -> Named:
    """Take the names out of a query."""
    principal, task = query.principal, query.task
    return Named(
        principal.kind,
        principal.name,
        task.agent,
        task.tenant,
        query.capability.name if query.capability else "",
        task.on_behalf_of,
        task.tickets,
        task.above,
        query.tool.name if query.tool else "",
    )


def caller_name(kind: Kind, name: str, tenant: str) -> EntityName:
    """Return what a caller is called in policies; a person is one in the tenant of the task."""
    if kind is Kind.PERSON:
        return entity_name(person_ref(tenant, name))
    return EntityName(ENTITY_TYPES[kind], name)


def entity_name(ref: Ref) -> EntityName:
    """Return what a thing is called in policies."""
    return EntityName(_TYPES[ref.kind], ref.cedar_id)
