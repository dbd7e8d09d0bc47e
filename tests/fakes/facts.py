"""Facts for tests: a small world of two tenants, and words to write things and changes shortly."""

from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change, ChangeSet, HoldThing, PutThing, Relate, Unrelate
from broker.facts.facts import Facts
from broker.model.fact import BUNDLE, Hold, Ref, Relation, Relationship, Thing, ThingKind

ACME = "acme"
GLOBEX = "globex"

_STANDING = {
    ThingKind.AGENT: {"status": "active", "owner": "person:ann", "purpose": "does things"},
    ThingKind.PERSON: {"status": "active"},
    ThingKind.TEAM: {},
    ThingKind.TICKET: {"status": "open"},
}


def ref(text: str, tenant: str = ACME) -> Ref:
    """Read ``ticket:T-1``; ``team:/finance`` is the team that all tenants share."""
    kind, _, name = text.partition(":")
    if name.startswith("/"):
        return Ref(ThingKind(kind), "", name[1:])
    return Ref(ThingKind(kind), name if kind == ThingKind.TENANT else tenant, name)


def thing(text: str, tenant: str = ACME, **fields: object) -> Thing:
    """Make a thing that stands, unless the fields say otherwise."""
    named = ref(text, tenant)
    said = _STANDING.get(named.kind, {"status": "active"}) | fields
    return Thing(kind=named.kind, tenant=named.tenant, name=named.name, **said)


def put(text: str, tenant: str = ACME, **fields: object) -> PutThing:
    """Put a thing that stands."""
    return PutThing(thing(text, tenant, **fields))


def edge(text: str, tenant: str = ACME, *, until: int = 0, source: str = "") -> Relationship:
    """Read ``agent:a assigned-to ticket:T-1``."""
    subject, relation, object_ = text.split()
    ends = ref(subject, tenant), ref(object_, tenant)
    return Relationship(ends[0], Relation(relation), ends[1], until, source)


def relate(text: str, tenant: str = ACME, *, until: int = 0) -> Relate:
    """Make a relationship."""
    return Relate(edge(text, tenant, until=until))


def unrelate(text: str, tenant: str = ACME) -> Unrelate:
    """End a relationship."""
    return Unrelate(*edge(text, tenant).key)


def hold(text: str, tenant: str = ACME) -> HoldThing:
    """Hold a thing."""
    return HoldThing(ref(text, tenant), Hold("looks odd", "operator:alice", 1_000))


def changes(*each: Change, source: str = "", exact: bool = False) -> ChangeSet:
    """Make a set of changes."""
    return ChangeSet("operator:alice", "because", each, source, exact)


def base() -> Base:
    """Two tenants, a shared team, and an agent in it whose owner is a free text."""
    bot = thing("agent:base-bot", owner="billing@acme.example", source=BUNDLE)
    shared = Thing(kind=ThingKind.TEAM, tenant="", name="finance", source=BUNDLE)
    member = edge("agent:base-bot member-of team:/finance", source=BUNDLE)
    about = {"invoices-read": (ThingKind.DATASET, "invoices")}
    return Base([tenant_thing(ACME), tenant_thing(GLOBEX), bot, shared], [member], about)


WORLD = (
    put("person:ann"),
    put("team:billing"),
    put("agent:invoice-bot", review_by="2030-01-31"),
    put("ticket:T-1"),
    put("dataset:invoices"),
    put("dataset:ledger"),
    put("tool:sql"),
    put("workflow:monthly"),
    relate("agent:invoice-bot member-of team:billing"),
    relate("team:billing assigned-to ticket:T-1"),
    relate("ticket:T-1 concerns dataset:invoices"),
    relate("dataset:invoices part-of dataset:ledger"),
    relate("agent:invoice-bot acts-for person:ann"),
    relate("workflow:monthly uses tool:sql"),
)
"""An agent reaches a ledger, by its team, because of a ticket."""


def world(*more: Change) -> Facts:
    """Return the small world at revision 1, with more in it."""
    return Facts(base=base()).changed(changes(*WORLD, *more), 1)
