from dataclasses import replace as with_parts
from itertools import combinations
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.counterfactual import DENY, PERMIT, Counterfactual, Counterfactuals
from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.governance.published import Published
from broker.model.decision import Permit
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.policy.cedar import CedarEngine
from broker.policy.decider import Decider
from broker.policy.engine import Engine
from broker.policy.flips import flips
from broker.policy.query import Query
from broker.policy.suggestions import Suggestions
from broker.policy.whatif import Situation, Step
from tests.fakes.clock import FakeClock
from tests.fakes.facts import ACME, GLOBEX, changes, edge, hold, put, relate
from tests.fakes.policy import ENTITIES, PERMIT_ALL, QUERY, compiled, in_task
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import FixedReplica

NOW: Final = 1_800_000_000_000
BOT: Final = Thing(
    kind=ThingKind.AGENT,
    tenant=ACME,
    name="invoice-bot",
    source=BUNDLE,
    status="active",
    owner="o",
    purpose="p",
)
SHARED: Final = Thing(kind=ThingKind.TEAM, tenant="", name="finance", source=BUNDLE)
BASE: Final = Base(
    [tenant_thing(ACME), tenant_thing(GLOBEX), BOT, SHARED],
    [edge("agent:invoice-bot member-of team:/finance", source=BUNDLE)],
    {"orders-api": (ThingKind.DATASET, "orders")},
)
HEAD: Final = "(principal is Agent, action, resource is Capability)"
BECAUSE: Final = (
    f'@id("because") permit {HEAD} when {{ resource has dataset && '
    "context.work in resource.dataset };"
)
HAS_TICKET: Final = in_task(tickets=("T-1",))
SHIPPED: Final = FixedReplica().published


def facts(*more: Change) -> Facts:
    """Return facts at revision 3."""
    return Facts(base=BASE).changed(changes(*more), 3) if more else Facts(3, BASE)


def published(known: Facts, *texts: str) -> Published:
    """Publish policies over facts."""
    engine = CedarEngine(compiled(*texts), ENTITIES, revision=7, facts=known, clock=FakeClock(NOW))
    return with_parts(SHIPPED, engine=engine, facts=known)


async def search(
    known: Facts, *texts: str, query: Query = HAS_TICKET, most: int = 1_000
) -> Counterfactuals:
    """Search."""
    found = await Counterfactual(FakeClock(NOW), most_trials=most).of(
        published(known, *texts), query
    )
    assert found is not None
    return found


async def test_the_one_relationship_that_is_missing_is_named() -> None:
    """An operator reads what to say, and to whom."""
    known = facts(
        put("ticket:T-1"), put("dataset:orders"), relate("ticket:T-1 concerns dataset:orders")
    )

    found = await search(known, BECAUSE)

    assert found.to == PERMIT
    assert ("agent:invoice-bot assigned-to ticket:T-1",) in found.sets
    assert ("team:/finance assigned-to ticket:T-1",) not in found.sets  # it is shared by tenants


async def test_what_is_missing_together_is_named_together() -> None:
    """Each by itself changes nothing."""
    known = facts(
        put("ticket:T-1", status="closed"),
        put("dataset:orders"),
        relate("ticket:T-1 concerns dataset:orders"),
    )

    found = await search(known, BECAUSE)

    both = {"agent:invoice-bot assigned-to ticket:T-1", "ticket:T-1 is registered: status open"}
    assert both in [set(each) for each in found.sets]


async def test_a_hold_that_is_in_the_way_is_named() -> None:
    """Also one on the tenant as a whole."""
    held = await search(facts(hold("agent:invoice-bot")), PERMIT_ALL)

    assert held.sets == (("the hold on agent:invoice-bot is lifted",),)


@pytest.mark.parametrize(
    ("known", "sets"),
    [
        ([hold("agent:boss")], [("the hold on agent:boss is lifted",)]),
        ([put("person:ann", status="gone")], [("person:ann is registered: status active",)]),
        ([hold("person:ann")], [("the hold on person:ann is lifted",)]),
        (
            [hold("agent:boss"), hold("person:ann")],
            [("the hold on agent:boss is lifted", "the hold on person:ann is lifted")],
        ),
    ],
)
async def test_who_handed_it_on_and_who_answers_for_that_are_named(
    known: list[Change], sets: list[tuple[str, ...]]
) -> None:
    """Whoever wonders why a sub-agent gets nothing looks there last."""
    boss = Facts(base=BASE).changed(changes(put("person:ann"), put("agent:boss")), 2)
    query = replace(QUERY, task=replace(QUERY.task, above=("boss",)))

    refused = await search(boss.changed(changes(*known), 3), PERMIT_ALL, query=query)
    granted = await search(boss, PERMIT_ALL, query=query)

    assert [tuple(sorted(each)) for each in refused.sets] == [tuple(sorted(s)) for s in sets]
    assert {("agent:boss is held",), ("person:ann is held",)} <= set(granted.sets)


async def test_less_may_be_asked_for() -> None:
    """Fewer scopes, or a shorter time, as the policies bound them."""
    text = (
        (
            f'@id("short") permit {HEAD} when {{ context.ttlSeconds <= 30 && '
            '["orders:read"].containsAll(context.scopes) };'
        )
        .replace("};", "}};")
        .replace("}};", "};")
    )
    query = replace(QUERY, scopes=frozenset({"orders:read", "orders:write"}))

    found = await search(facts(), text.replace("{{", "{"), query=query)

    assert {"ask without the scope orders:write", "ask for 30 seconds at most"} in [
        set(each) for each in found.sets
    ]


async def test_of_a_grant_it_tells_what_would_take_it_away() -> None:
    """Relationships that end, things that stop."""
    known = facts(
        put("ticket:T-1"),
        put("dataset:orders"),
        relate("ticket:T-1 concerns dataset:orders"),
        relate("agent:invoice-bot assigned-to ticket:T-1"),
    )

    found = await search(known, BECAUSE)

    assert found.to == DENY
    said = {each for (each, *_) in found.sets}
    assert "no longer: agent:invoice-bot assigned-to ticket:T-1" in said
    assert "ticket:T-1 is held" in said
    assert "tenant:acme is held" in said


async def test_when_nothing_helps_it_says_so_honestly() -> None:
    """All was tried, or not all could be."""
    never = f'@id("never") permit {HEAD} when {{ principal.status == "other" }};'
    known = facts(put("ticket:T-1"), put("dataset:orders"))

    found = await search(known, never)
    cut_off = await search(known, never, most=2)

    assert (found.sets, found.is_complete) == ((), True)
    assert (cut_off.sets, cut_off.is_complete, cut_off.tried) == ((), False, 2)


class Elsewhere:
    """A decider that is a server."""


async def test_where_another_server_decides_nothing_is_claimed() -> None:
    """What this engine says would not be the answer."""

    def decider(_: Engine) -> Decider:
        return Elsewhere()  # type: ignore[return-value]

    elsewhere = with_parts(published(facts(), PERMIT_ALL), deciding=decider)

    assert await Counterfactual(FakeClock(NOW)).of(elsewhere, QUERY) is None


CONDITIONS: Final = st.sampled_from(
    [
        "resource has dataset && context.work in resource.dataset",
        'principal in Team::"finance"',
        'principal in Team::"acme/night"',
        'principal in Ticket::"acme/T-2"',
        'principal in Dataset::"globex/secret"',
        'context.work in Ticket::"acme/T-1"',
        "context has behalf && principal in context.behalf",
        "context.ttlSeconds <= 30",
        '["orders:read"].containsAll(context.scopes)',
        "context.task.tickets.isEmpty()",
    ]
)
POLICIES: Final = st.builds(
    lambda permit, also, forbid: (
        f'@id("p") permit {HEAD} when {{ {permit} && ({also}) }};'
        f'@id("f") forbid {HEAD} when {{ {forbid} }} unless {{ {permit} }};'
    ),
    CONDITIONS,
    CONDITIONS,
    CONDITIONS,
)
GRAPHS: Final = st.lists(
    st.sampled_from(
        [
            put("ticket:T-1"),
            put("ticket:T-2", status="closed"),
            put("dataset:orders"),
            put("team:night"),
            put("person:dana"),
            put("dataset:secret", tenant=GLOBEX),
            hold("tenant:acme"),
            hold("agent:invoice-bot"),
        ]
    ),
    unique_by=str,
    max_size=6,
).map(tuple)
QUERIES: Final = st.sampled_from(
    [
        HAS_TICKET,
        in_task(tickets=("T-1", "T-2"), on_behalf_of="dana"),
        replace(QUERY, scopes=frozenset({"orders:read", "orders:write"})),
    ]
)


def permits(known: Facts, text: str, query: Query) -> bool:
    """Ask an engine that was made for these facts and nothing else."""
    made = CedarEngine(compiled(text), ENTITIES, revision=7, facts=known, clock=FakeClock(NOW))
    return isinstance(made.decide(query), Permit)


@settings(max_examples=40)
@given(POLICIES, GRAPHS, QUERIES)
async def test_exactly_what_is_named_turns_the_answer_and_no_part_of_it_does(
    text: str, graph: tuple[Change, ...], query: Query
) -> None:
    """Asked of fresh engines; and nothing of another tenant is ever named."""
    known = facts(*graph)
    now = Situation(query, known, NOW)
    judge = CedarEngine(compiled(text), ENTITIES, revision=7, facts=known, clock=FakeClock(NOW))
    before = permits(known, text, query)
    suggested = Suggestions(judge.templates)
    steps = suggested.to_lose(now) if before else suggested.to_gain(now)

    def turns(tried: tuple[Step, ...]) -> bool:
        after = now.after(tried)
        is_permit = after and isinstance(judge.over(after.facts).decide(after.query), Permit)
        return after is not None and bool(is_permit) is not before

    found = await flips(steps, turns, most_trials=250)

    for each in found.sets:
        assert "secret" not in " ".join(map(str, each))
        after = now.after(each)
        assert after is not None
        assert permits(after.facts, text, after.query) is not before
        for part in (part for size in range(len(each)) for part in combinations(each, size)):
            partly = now.after(part)
            assert partly is None or permits(partly.facts, text, partly.query) is before


@pytest.mark.parametrize("name", ["globex", "secret"])
async def test_nothing_of_another_tenant_is_named(name: str) -> None:
    """Not even where a policy names it (I16)."""
    text = f'@id("p") permit {HEAD} when {{ principal in Dataset::"globex/secret" }};'

    found = await search(facts(put("dataset:secret", tenant=GLOBEX)), text)

    assert name not in str(found)
    assert found.sets == ()
