"""Random worlds of facts and random changes of them, valid and not, for properties."""

from hypothesis import strategies as st

from broker.facts.change import (
    Change,
    ChangeSet,
    DropThing,
    HoldThing,
    LiftHold,
    PutThing,
    Relate,
    Unrelate,
)
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.relations import JOINS
from broker.model.fact import Hold, Ref, Relationship, ThingKind
from tests.fakes.facts import base, ref, thing

NOW = 1_000_000

REFS = [
    *(
        ref(f"{kind.value}:{at}")
        for kind in ThingKind
        if kind is not ThingKind.TENANT
        for at in "ab"
    ),
    ref("dataset:c"),
    ref("resource:c"),
    ref("team:c"),
    ref("team:/finance"),
    ref("agent:base-bot"),
    ref("dataset:invoices"),
]
"""Few, so that they meet."""

JOINABLE = [
    (subject, relation, object_)
    for relation, pairs in JOINS.items()
    for subject in REFS
    for object_ in REFS
    if (subject.kind, object_.kind) in pairs
]

_STANDING = [
    PutThing(thing(str(each), **({"owner": "person:a"} if each.kind is ThingKind.AGENT else {})))
    for each in REFS
    if each.tenant and each.name != "base-bot"
]
"""Most worlds are whole, so that ways are long."""

_STATUSES = {
    ThingKind.AGENT: ("active", "active", "suspended"),
    ThingKind.PERSON: ("active", "active", "gone"),
    ThingKind.TICKET: ("open", "open", "closed"),
    ThingKind.TEAM: ("",),
}


@st.composite
def puts(draw: st.DrawFn) -> PutThing:
    """Put some thing, which perhaps does not stand."""
    where = draw(st.sampled_from(REFS))
    statuses = _STATUSES.get(where.kind, ("active", "active", "retired"))
    said: dict[str, object] = {"status": draw(st.sampled_from(statuses))}
    if where.kind is ThingKind.AGENT:
        said["owner"] = draw(st.sampled_from(["person:a", "person:b", "team:a"]))
        said["review_by"] = draw(st.sampled_from(["", "1970-01-02", "2030-01-01"]))
    return PutThing(thing(str(where), **said))


@st.composite
def relates(draw: st.DrawFn) -> Relate:
    """Relate what goes together; perhaps it expires, or has long ago."""
    subject, relation, object_ = draw(st.sampled_from(JOINABLE))
    return Relate(
        Relationship(subject, relation, object_, draw(st.sampled_from([0, 0, 5, NOW + 5])))
    )


def holds() -> st.SearchStrategy[Change]:
    """Hold or lift, things and a tenant."""
    refs = st.sampled_from([*REFS, ref("tenant:acme")])
    return refs.map(lambda r: HoldThing(r, Hold("r", "b", 1))) | refs.map(LiftHold)


def drops() -> st.SearchStrategy[Change]:
    """Drop a thing or end a relationship."""
    things = st.builds(DropThing, st.sampled_from(REFS), st.booleans())
    return things | st.sampled_from(JOINABLE).map(lambda key: Unrelate(*key))


def sets(most: int = 8) -> st.SearchStrategy[ChangeSet]:
    """Any changes, in any order."""
    each = puts() | relates() | relates() | holds() | drops() | drops()
    changes = st.lists(each, min_size=1, max_size=most).map(tuple)
    sources = st.sampled_from(["", "", "files"])
    return st.builds(ChangeSet, st.just("operator:a"), st.just("because"), changes, sources)


@st.composite
def worlds(draw: st.DrawFn) -> Facts:
    """A graph with everything in it that can be, grown by valid changes."""
    facts = grown(Facts(base=base()), list(_STANDING), 1)
    facts = grown(facts, draw(st.lists(relates(), min_size=8, max_size=24)), 2)
    facts = grown(facts, draw(st.lists(puts(), max_size=4)), 3)
    return grown(facts, draw(st.lists(holds(), max_size=2)), 4)


def grown(facts: Facts, changes: list[Change], revision: int) -> Facts:
    """Make those of the changes that have no fault."""
    while changes:
        together = ChangeSet("operator:a", "because", tuple(changes))
        faulty = {fault.index for fault in faults_of(facts, together)}
        if not faulty:
            return facts.changed(together, revision)
        changes = [each for at, each in enumerate(changes) if at not in faulty]
    return facts


def all_refs(facts: Facts) -> set[Ref]:
    """Return whatever could be a root."""
    return {*REFS, *(each.ref for each in facts.things())}
