"""Small policies, entities and queries for tests, on the schema that comes with the broker."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from broker.model.capability import Capability, Ceiling
from broker.model.principal import Kind, Principal
from broker.policy.cedar import CedarEngine
from broker.policy.compiled import CompiledPolicies, Source, compile_policies
from broker.policy.entity import Entity, EntityName
from broker.policy.query import Action, Query, TaskFacts
from tests.fakes.replace import replace

CONFIG: Final = Path(__file__).parents[2] / "config"
SCHEMA: Final = Source("schema", (CONFIG / "schema.cedarschema").read_text())

FINANCE: Final = EntityName("Team", "finance")

AGENT: Final = Entity(
    EntityName("Agent", "invoice-bot"),
    {"tenant": "acme", "owner": "o", "purpose": "p", "status": "active", "risk": "low"},
    (FINANCE,),
)
UNJUDGED_AGENT: Final = Entity(
    EntityName("Agent", "new-bot"),
    {"tenant": "acme", "owner": "o", "purpose": "p", "status": "active"},
)
ORDERS: Final = Entity(
    EntityName("Capability", "orders-api"),
    {
        "tenants": ("acme",),
        "audience": "https://orders.example",
        "scopes": ("orders:read", "orders:write"),
        "check": "feed",
        "dataClass": "internal",
    },
)
ENTITIES: Final = (Entity(FINANCE), AGENT, UNJUDGED_AGENT, ORDERS)

CAPABILITY: Final = Capability(
    name="orders-api",
    backend="jwt",
    audience="https://orders.example",
    scopes=frozenset({"orders:read", "orders:write"}),
    max_ttl_ms=900_000,
    default_ttl_ms=300_000,
    tenants=frozenset({"acme"}),
    data_class="internal",
)

PRINCIPAL: Final = Principal(
    kind=Kind.AGENT,
    name="invoice-bot",
    tenants=frozenset({"acme"}),
    instance="pod-1",
    issuer="https://issuer.example",
    subject="invoice-bot",
    expires_at_ms=1_000,
)

QUERY: Final = Query(
    action=Action.REQUEST_CREDENTIAL,
    principal=PRINCIPAL,
    task=TaskFacts(
        id="t_00_a", name="reconcile", tenant="acme", agent="invoice-bot", opener="orchestrator:ci"
    ),
    capability=CAPABILITY,
    ceiling=(Ceiling("orders-api", frozenset({"orders:read"})),),
    scopes=frozenset({"orders:read"}),
    ttl_ms=60_000,
)

PERMIT_ALL: Final = '@id("all") permit (principal, action, resource);'


def compiled(*texts: str) -> CompiledPolicies:
    """Compile policy texts, each as a file of its own, against the shipped schema."""
    sources = tuple(Source(f"{number}.cedar", text) for number, text in enumerate(texts))
    return compile_policies(sources, SCHEMA)


def engine(*texts: str, entities: Sequence[Entity] = ENTITIES) -> CedarEngine:
    """Make an engine of sound policy texts."""
    return CedarEngine(compiled(*texts), entities, revision=7)


def by(name: str, query: Query = QUERY) -> Query:
    """Ask the same question as another agent."""
    return replace(query, principal=replace(query.principal, name=name))


def in_task(query: Query = QUERY, **changes: object) -> Query:
    """Ask the same question of a task with other facts."""
    return replace(query, task=replace(query.task, **changes))
