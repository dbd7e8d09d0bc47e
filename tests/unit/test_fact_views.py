"""What operators see of facts: their tenants', and nothing of anybody else's."""

from typing import Final

import pytest

from broker.errors import AccessDeniedError, InvalidRequestError, NotFoundError
from broker.fact_views import FactViews, RelationshipFilter, ThingFilter
from broker.facts.base import Base, tenant_thing
from broker.facts.change import ChangeSet
from broker.facts.facts import Facts
from broker.model.fact import BUNDLE, Relation, Relationship, Thing, ThingKind, agent_ref
from broker.model.principal import ALL_TENANTS, Kind, Principal
from tests.fakes.clock import FakeClock
from tests.fakes.facts import edge, hold, put, ref, relate

NOW_MS: Final = 1_000_000
ANY_THING: Final = ThingFilter()
ANY_EDGE: Final = RelationshipFilter()


def operator(*tenants: str, kind: Kind = Kind.OPERATOR) -> Principal:
    """Make an operator of tenants."""
    return Principal(
        kind=kind,
        name="olga",
        tenants=frozenset(tenants),
        instance="i",
        issuer="https://issuer.example",
        subject="olga",
        expires_at_ms=NOW_MS * 2,
    )


ACME: Final = operator("acme")
GLOBEX: Final = operator("globex")
BOTH: Final = operator("acme", "globex")
ALL: Final = operator(ALL_TENANTS)


def of_bundle(tenant: str, name: str) -> Thing:
    """An agent of agents.yaml."""
    return Thing(
        kind=ThingKind.AGENT,
        tenant=tenant,
        name=name,
        source=BUNDLE,
        status="active",
        owner="ann",
        purpose="works",
    )


@pytest.fixture
def views() -> FactViews:
    """Two tenants with the same names in them, and a shared team of acme's agent alone."""
    team = Thing(kind=ThingKind.TEAM, tenant="", name="finance", source=BUNDLE)
    member = Relationship(
        agent_ref("acme", "abe"), Relation.MEMBER_OF, ref("team:/finance"), source=BUNDLE
    )
    base = Base(
        [tenant_thing("acme"), tenant_thing("globex"), team, of_bundle("acme", "abe")], [member]
    )
    changes = [
        change
        for tenant in ("acme", "globex")
        for change in (
            put("person:ann", tenant),
            put("ticket:T-1", tenant),
            put("ticket:T-2", tenant, status="closed"),
            put("dataset:d", tenant),
            relate("ticket:T-1 concerns dataset:d", tenant),
            relate("ticket:T-2 concerns dataset:d", tenant),
        )
    ]
    changes += [relate("agent:abe assigned-to ticket:T-1", until=NOW_MS), hold("person:ann")]
    facts = Facts(0, base).changed(ChangeSet("operator:x", "y", tuple(changes), "desk"), 7)
    return FactViews(lambda: facts, FakeClock(NOW_MS))


async def names(views: FactViews, who: Principal, which: ThingFilter = ANY_THING) -> list[str]:
    """List to the end, two to a page."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await views.things(who, which, cursor, 2)
        found += [f"{each.thing.tenant} {each.thing.ref}".strip() for each in page.things]
        if not page.cursor:
            return found
        cursor = page.cursor


async def test_each_operator_lists_its_tenants_things(views: FactViews) -> None:
    """By tenant, kind and name; a shared team only to whoever answers for one of its members."""
    acme = [f"acme {name}" for name in ("agent:abe", "dataset:d", "person:ann", "tenant:acme")]
    acme += ["acme ticket:T-1", "acme ticket:T-2"]
    globex = [f"globex {name}" for name in ("dataset:d", "person:ann", "tenant:globex")]
    globex += ["globex ticket:T-1", "globex ticket:T-2"]

    assert await names(views, ACME) == ["team:/finance", *acme]
    assert await names(views, GLOBEX) == globex
    assert await names(views, BOTH) == ["team:/finance", *acme, *globex]
    assert await names(views, ALL) == ["team:/finance", *acme, *globex]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (ThingFilter(kind="ticket"), ["acme ticket:T-1", "acme ticket:T-2"]),
        (ThingFilter(tenant="globex"), []),
        (ThingFilter(status="closed"), ["acme ticket:T-2"]),
        (ThingFilter(source="desk", name="?"), ["acme dataset:d"]),
        (ThingFilter(source=BUNDLE, kind="agent"), ["acme agent:abe"]),
        (ThingFilter(name="T-*", status="open"), ["acme ticket:T-1"]),
    ],
)
async def test_a_list_is_narrowed(
    views: FactViews, which: ThingFilter, expected: list[str]
) -> None:
    """A foreign tenant is as empty as none."""
    assert await names(views, ACME, which) == expected


async def test_nobody_but_operators_sees_anything(views: FactViews) -> None:
    """Whatever its tenant."""
    agent = operator("acme", kind=Kind.AGENT)
    with pytest.raises(AccessDeniedError):
        await views.things(agent, ANY_THING, "", 10)
    with pytest.raises(AccessDeniedError):
        await views.thing(agent, "ticket:T-1", "acme")
    with pytest.raises(AccessDeniedError):
        await views.relationships(agent, ANY_EDGE, "", 10)


async def test_a_thing_is_shown_with_what_it_stands_to(views: FactViews) -> None:
    """Both ways, and whether each counts: not what has expired, nor what begins at a closed one."""
    view = await views.thing(ACME, "ticket:T-1", "acme")
    assert [(str(e.relationship.key), e.counts) for e in (*view.up, *view.down)] == [
        ("ticket:T-1 concerns dataset:d", True),
        ("agent:abe assigned-to ticket:T-1", False),
    ]
    assert (view.seen.stands, view.revision, view.is_complete) == (True, 7, True)

    view = await views.thing(ACME, "dataset:d", "acme")
    assert [(str(e.relationship.subject), e.counts) for e in view.down] == [
        ("ticket:T-1", True),
        ("ticket:T-2", False),
    ]
    held = (await views.thing(ACME, "person:ann", "acme")).seen
    assert held.thing.hold is not None
    assert not held.stands


async def test_a_shared_team_is_found_from_within_a_tenant_that_is_in_it(views: FactViews) -> None:
    """With or without the slash; to all others it does not exist."""
    for text in ("team:finance", "team:/finance"):
        view = await views.thing(ACME, text, "acme")
        assert [str(edge.relationship.subject) for edge in view.down] == ["agent:abe"]
        with pytest.raises(NotFoundError):
            await views.thing(GLOBEX, text, "globex")


@pytest.mark.parametrize(
    ("text", "tenant"),
    [
        ("ticket:T-1", "globex"),
        ("ticket:T-1", "nosuch"),
        ("ticket:T-9", "acme"),
        ("agent:abe", "globex"),
    ],
)
async def test_foreign_and_absent_are_the_same_error(
    views: FactViews, text: str, tenant: str
) -> None:
    """I16."""
    with pytest.raises(NotFoundError, match="no such thing"):
        await views.thing(ACME, text, tenant)


async def test_whose_thing_is_meant_has_to_be_said_where_several_are_called_so(
    views: FactViews,
) -> None:
    """Only among those that the caller may see."""
    assert views.sight(ACME).find("ticket:T-1", "") == ref("ticket:T-1")
    assert views.sight(ALL).find("agent:abe", "") == agent_ref("acme", "abe")
    for who in (BOTH, ALL):
        with pytest.raises(InvalidRequestError) as caught:
            views.sight(who).find("ticket:T-1", "")
        assert caught.value.field == "tenant"


async def test_relationships_are_listed_within_the_tenants(views: FactViews) -> None:
    """Each once over all pages, narrowed by each end and the relation."""

    async def keys(who: Principal, which: RelationshipFilter = ANY_EDGE) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            page = await views.relationships(who, which, cursor, 1)
            found += [str(each.relationship.key) for each in page.relationships]
            if not page.cursor:
                return found
            cursor = page.cursor

    concerns = [f"ticket:T-{at} concerns dataset:d" for at in (1, 2)]
    assert await keys(GLOBEX) == concerns
    assert await keys(ACME) == [
        "agent:abe assigned-to ticket:T-1",
        "agent:abe member-of team:/finance",
        *concerns,
    ]
    assert await keys(ACME, RelationshipFilter(relation="concerns", subject="ticket:T-2")) == [
        concerns[1]
    ]
    assert await keys(ACME, RelationshipFilter(object="team:/finance")) == [
        str(edge("agent:abe member-of team:/finance").key)
    ]
    assert await keys(ACME, RelationshipFilter(tenant="globex")) == []
    assert await keys(ALL) == [*(await keys(ACME)), *concerns]


@pytest.mark.parametrize("cursor", ["x", "a:b", "a:b:c:d", "acme:ticket:T-1:"])
async def test_a_forged_cursor_leads_nowhere(views: FactViews, cursor: str) -> None:
    """It is refused by its name."""
    with pytest.raises(InvalidRequestError) as caught:
        await views.things(ACME, ANY_THING, cursor, 10)
    assert caught.value.field == "cursor"
