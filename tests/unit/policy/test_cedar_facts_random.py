"""In random worlds, what Cedar answers is what a naive search along the relationships finds."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change, HoldThing, PutThing, Relate
from broker.facts.facts import Facts
from broker.facts.relations import JOINS
from broker.model.decision import Permit
from broker.model.fact import BUNDLE, Hold, Ref, Relationship, Thing, ThingKind
from broker.policy.cedar import CedarEngine
from broker.policy.query import Query
from tests.fakes.clock import FakeClock
from tests.fakes.facts import ACME, GLOBEX, changes
from tests.fakes.policy import ENTITIES, compiled, in_task

NOW = 1_800_000_000_000
TICKETS = ("T0", "T1", "T2")

ABOUT = Ref(ThingKind.DATASET, ACME, "d0")
BOT = Ref(ThingKind.AGENT, ACME, "invoice-bot")

BASE = Base(
    [
        tenant_thing(ACME),
        tenant_thing(GLOBEX),
        Thing(
            kind=BOT.kind,
            tenant=ACME,
            name=BOT.name,
            source=BUNDLE,
            status="active",
            owner="o o",
            purpose="p",
        ),
        Thing(kind=ThingKind.TEAM, tenant="", name="finance", source=BUNDLE),
    ],
    [],
    {"orders-api": (ThingKind.DATASET, "d0")},
)

WORK = compiled(
    '@id("work") permit (principal, action, resource is Capability)'
    " when { resource has dataset && context.work in resource.dataset };"
)
AGENT = compiled(
    '@id("agent") permit (principal, action, resource is Capability)'
    " when { resource has dataset && principal in resource.dataset };"
)

STANDING = {
    ThingKind.PERSON: ("active", "gone"),
    ThingKind.TEAM: ("", ""),
    ThingKind.TICKET: ("open", "closed"),
    ThingKind.WORKFLOW: ("active", "retired"),
    ThingKind.DATASET: ("active", "retired"),
    ThingKind.RESOURCE: ("active", "retired"),
}
NAMES = {
    ThingKind.PERSON: ("p0",),
    ThingKind.TEAM: ("t0", "t1"),
    ThingKind.TICKET: TICKETS,
    ThingKind.WORKFLOW: ("w0",),
    ThingKind.DATASET: ("d0", "d1"),
    ThingKind.RESOURCE: ("r0",),
}


def refs(tenant: str) -> list[Ref]:
    """Name all that there may be in a tenant."""
    return [Ref(kind, tenant, name) for kind, names in NAMES.items() for name in names]


def possible(tenant: str) -> list[tuple[Ref, Ref]]:
    """Name all pairs that may be joined, in one direction, so that there is no circle."""
    all_ = ([BOT] if tenant == ACME else []) + refs(tenant)
    kinds = {pair for pairs in JOINS.values() for pair in pairs}
    return [
        (one, other)
        for place, one in enumerate(all_)
        for other in all_[place + 1 :]
        if (one.kind, other.kind) in kinds
    ]


def relation(one: Ref, other: Ref) -> Relationship:
    """Join two things, by the relation of their kinds."""
    word = next(word for word, pairs in JOINS.items() if (one.kind, other.kind) in pairs)
    return Relationship(one, word, other)


EDGES = st.lists(st.sampled_from(possible(ACME)), max_size=14, unique=True)
ELSEWHERE = st.lists(st.sampled_from(possible(GLOBEX)), max_size=14, unique=True)
EXPIRIES = st.lists(st.sampled_from([0, 0, 0, NOW, NOW + 1]), min_size=14, max_size=14)
DOWN = st.sets(st.sampled_from(refs(ACME)), max_size=3)
MISSING = st.sets(st.sampled_from(refs(ACME)), max_size=2)
NAMED = st.lists(st.sampled_from(TICKETS), max_size=2, unique=True)


def world(
    edges: Sequence[tuple[Ref, Ref]], expiries: Sequence[int], down: set[Ref], held: set[Ref]
) -> list[Change]:
    """Put all things, some of which do not stand, and join them."""
    made: list[Change] = []
    for ref in refs(ACME):
        status = STANDING[ref.kind][ref in down]
        made.append(PutThing(Thing(kind=ref.kind, tenant=ACME, name=ref.name, status=status)))
    made += [HoldThing(ref, Hold("odd", "x", 1)) for ref in held]
    for (one, other), expires in zip(edges, expiries, strict=False):
        joined = relation(one, other)
        made.append(Relate(Relationship(one, joined.relation, other, expires_at_ms=expires)))
    return made


def reaches(
    start: Ref, edges: Sequence[tuple[Ref, Ref]], standing: set[Ref], via: set[ThingKind]
) -> set[Ref]:
    """Search naively: again and again, until nothing new is found."""
    found = {start}
    while True:
        more = {
            other
            for one, other in edges
            if one in found
            and {one, other} <= standing
            and (one == start or one.kind in via)
            and other not in found
        }
        if not more:
            return found - {start}
        found |= more


def facts(made: list[Change]) -> Facts:
    """Make facts of changes."""
    return Facts(base=BASE).changed(changes(*made), 1)


def permits(engine: CedarEngine, query: Query) -> bool:
    """Ask."""
    decision = engine.decide(query)
    assert not decision.trace.errors
    return isinstance(decision, Permit)


ANYWHERE = set(ThingKind)
JUDGES = [CedarEngine(p, ENTITIES, revision=1, clock=FakeClock(NOW)) for p in (WORK, AGENT)]


@settings(max_examples=300)
@given(EDGES, EXPIRIES, DOWN, MISSING, NAMED)
def test_cedar_agrees_with_a_naive_search(
    edges: list[tuple[Ref, Ref]],
    expiries: list[int],
    down: set[Ref],
    held: set[Ref],
    named: list[str],
) -> None:
    """By the task's tickets, and by whatever way; through nothing that does not stand."""
    live = [edge for edge, at in zip(edges, expiries, strict=False) if not at or at > NOW]
    fallen = {ref for ref in down if ref.kind is not ThingKind.TEAM} | held
    standing = {BOT, *refs(ACME)} - fallen
    assigned = reaches(BOT, live, standing, {ThingKind.TEAM})
    reasons = assigned & {Ref(ThingKind.TICKET, ACME, name) for name in named}
    because = any(ABOUT in reaches(ticket, live, standing, ANYWHERE) for ticket in reasons)
    anyhow = ABOUT in reaches(BOT, live, standing, ANYWHERE)
    known = facts(world(edges, expiries, down, held))
    work, agent = (judge.over(known) for judge in JUDGES)
    query = in_task(tickets=tuple(named))

    assert permits(work, query) == because
    assert permits(agent, query) == anyhow


@settings(max_examples=100)
@given(EDGES, ELSEWHERE, NAMED)
def test_another_tenants_world_changes_no_answer(
    edges: list[tuple[Ref, Ref]], elsewhere: list[tuple[Ref, Ref]], named: list[str]
) -> None:
    """Though its things bear the same names (I16); the very same set is shown to Cedar."""
    own = world(edges, [0] * 14, set(), set())
    foreign: list[Change] = [
        PutThing(Thing(kind=ref.kind, tenant=GLOBEX, name=ref.name, status=STANDING[ref.kind][0]))
        for ref in refs(GLOBEX)
    ]
    foreign += [Relate(relation(one, other)) for one, other in elsewhere]
    query = in_task(tickets=tuple(named))

    for judge in JUDGES:
        alone, beside = judge.over(facts(own)), judge.over(facts([*own, *foreign]))
        assert permits(alone, query) == permits(beside, query)
        assert alone.shown(query).entities == beside.shown(query).entities
        assert alone.decide(query).trace.facts == beside.decide(query).trace.facts
