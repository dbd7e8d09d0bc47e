"""Decisions read the facts that a request reaches: what stands, now, in the tenant of the task."""

from collections.abc import Iterable

import pytest

from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.model.decision import Decision, Deny, Permit
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.policy.cedar import CedarEngine
from broker.policy.compiled import Source, compile_policies
from broker.policy.entity import EntityName
from broker.policy.query import Action, Query
from tests.fakes.clock import FakeClock
from tests.fakes.facts import ACME, GLOBEX, changes, edge, hold, put, relate, thing
from tests.fakes.policy import ENTITIES, PERMIT_ALL, QUERY, by, compiled, in_task
from tests.fakes.replace import replace

NOW = 1_800_000_000_000

BECAUSE = (
    '@id("because") permit (principal is Agent, action, resource is Capability)'
    " when { resource has dataset && context.work in resource.dataset };"
)
HAS_TICKET = in_task(tickets=("T-1",))

BOT = Thing(
    kind=ThingKind.AGENT,
    tenant=ACME,
    name="invoice-bot",
    source=BUNDLE,
    status="active",
    owner="o",
    purpose="p",
)
SHARED = Thing(kind=ThingKind.TEAM, tenant="", name="finance", source=BUNDLE)
BASE = Base(
    [tenant_thing(ACME), tenant_thing(GLOBEX), BOT, SHARED],
    [edge("agent:invoice-bot member-of team:/finance", source=BUNDLE)],
    {"orders-api": (ThingKind.DATASET, "orders")},
)
REACHED = (
    put("ticket:T-1"),
    put("dataset:orders"),
    relate("agent:invoice-bot assigned-to ticket:T-1"),
    relate("ticket:T-1 concerns dataset:orders"),
)


def facts(*more: Change, base: Base = BASE) -> Facts:
    """Return facts at revision 3."""
    return Facts(base=base).changed(changes(*more), 3)


def engine(*texts: str, known: Facts | None = None, now_ms: int = NOW) -> CedarEngine:
    """Make an engine over facts, at an instant."""
    clock = FakeClock(now_ms)
    return CedarEngine(compiled(*texts), ENTITIES, revision=7, facts=known, clock=clock)


def asked(*more: Change, query: Query = HAS_TICKET, now_ms: int = NOW) -> Decision:
    """Ask for the dataset, because of the ticket."""
    return engine(BECAUSE, known=facts(*more), now_ms=now_ms).decide(query)


def refused(decision: Decision) -> str:
    """Return why a decision is a refusal, or fail."""
    assert isinstance(decision, Deny), decision
    return decision.reason


def without(left_out: str, more: Iterable[Change] = REACHED) -> list[Change]:
    """Leave one fact out."""
    kept = [each for each in more if left_out not in str(each)]
    assert len(kept) < len(list(more))
    return kept


def test_an_agent_is_permitted_because_of_the_ticket() -> None:
    """The trace says which relationships were read, of which revision."""
    decision = asked(*REACHED)

    assert isinstance(decision, Permit), decision
    assert decision.trace.graph_revision == 3
    assert decision.trace.until_ms == 0
    assert decision.trace.facts == (
        'Agent::"invoice-bot"',
        'Capability::"orders-api"',
        'Team::"finance"',
        "agent:invoice-bot assigned-to ticket:T-1",
        "agent:invoice-bot member-of team:/finance",
        "ticket:T-1 concerns dataset:orders",
    )


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        in_task(tickets=("T-2",)),
        in_task(tickets=("t-1",)),
        in_task(tickets=('T-1" ', "__entity", "\u202e", "")),
        in_task(tickets=("T-1",), tenant=GLOBEX),
        in_task(tickets=("acme/T-1",)),
    ],
)
def test_a_task_that_does_not_name_the_ticket_is_not_in_it(query: Query) -> None:
    """Not another's, not one spelt otherwise, not one of another tenant; and it is no error."""
    assert refused(asked(*REACHED, query=query)) == "no-permit"


@pytest.mark.parametrize(
    "more",
    [
        [*REACHED, hold("ticket:T-1")],
        [*REACHED, hold("dataset:orders")],
        [put("ticket:T-1", status="closed"), *REACHED[1:]],
        [REACHED[0], put("dataset:orders", status="retired"), *REACHED[2:]],
        without("assigned"),
        without("concerns"),
    ],
)
def test_what_does_not_stand_passes_nothing_on(more: list[Change]) -> None:
    """Held, closed, retired, or not there at all."""
    assert refused(asked(*more)) == "no-permit"


def test_a_ticket_is_reached_by_a_team() -> None:
    """Also by a team within a team."""
    team = (
        put("team:billing"),
        put("team:support"),
        relate("agent:invoice-bot member-of team:billing"),
        relate("team:billing part-of team:support"),
        relate("team:support assigned-to ticket:T-1"),
    )

    assert isinstance(asked(*without("assigned"), *team), Permit)
    assert refused(asked(*without("assigned"), *team, hold("team:support"))) == "no-permit"


def test_a_person_that_an_agent_acts_for_does_not_assign_it() -> None:
    """The person's teams are the person's: the task is in no ticket by them."""
    by_person = (
        put("person:ann"),
        put("team:support"),
        relate("agent:invoice-bot acts-for person:ann"),
        relate("person:ann member-of team:support"),
        relate("team:support assigned-to ticket:T-1"),
    )

    assert refused(asked(*without("assigned"), *by_person)) == "no-permit"


def test_other_tenants_things_of_the_same_names_mean_nothing() -> None:
    """Neither do they help, nor do they hinder (I16)."""
    elsewhere = (
        put("ticket:T-1", GLOBEX),
        put("dataset:orders", GLOBEX),
        put("agent:globex-bot", GLOBEX, owner="person:gil"),
        put("person:gil", GLOBEX),
        relate("agent:globex-bot assigned-to ticket:T-1", GLOBEX),
        relate("ticket:T-1 concerns dataset:orders", GLOBEX),
    )

    assert refused(asked(*elsewhere)) == "no-permit"
    assert isinstance(asked(*REACHED, *elsewhere), Permit)
    assert isinstance(asked(*REACHED, *elsewhere, hold("dataset:orders", GLOBEX)), Permit)


def test_what_expires_counts_until_then_and_no_longer() -> None:
    """The answer says until when it stands, and is another one from that instant on."""
    more = [*without("concerns"), relate("ticket:T-1 concerns dataset:orders", until=NOW + 5)]
    clock = FakeClock(NOW)
    judge = CedarEngine(compiled(BECAUSE), ENTITIES, revision=7, facts=facts(*more), clock=clock)

    first = judge.decide(HAS_TICKET)
    clock.advance(4)
    last = judge.decide(HAS_TICKET)
    clock.advance(1)
    after = judge.decide(HAS_TICKET)

    assert isinstance(first, Permit)
    assert isinstance(last, Permit)
    assert first.trace.until_ms == last.trace.until_ms == NOW + 5
    assert refused(after) == "no-permit"
    assert after.trace.until_ms == 0


def test_an_explanation_says_by_which_facts_and_until_when_it_stands() -> None:
    """As its decision does: granted, refused by policy, and refused before any policy."""
    until = relate("ticket:T-1 concerns dataset:orders", until=NOW + 5)
    granted = [*without("concerns"), until]
    for more in (granted, [put("ticket:T-1")], [*granted, hold("agent:invoice-bot")]):
        judge = engine(BECAUSE, known=facts(*more))
        trace = judge.decide(HAS_TICKET).trace
        explained = judge.explain(HAS_TICKET)
        assert (explained.graph_revision, explained.until_ms) == (3, trace.until_ms)
    assert engine(BECAUSE, known=facts(*granted)).explain(HAS_TICKET).until_ms == NOW + 5


def test_an_expiry_that_moves_is_told_though_nothing_else_changes() -> None:
    """A remembered answer does not keep the expiry of the facts before."""
    later = relate("ticket:T-1 concerns dataset:orders", until=NOW + 9_000)
    sooner = relate("ticket:T-1 concerns dataset:orders", until=NOW + 1_000)
    known = facts(*without("concerns"), later)
    judge = engine(BECAUSE, known=known)

    before = judge.decide(HAS_TICKET).trace
    after = judge.over(known.changed(changes(sooner), 4)).decide(HAS_TICKET).trace

    assert (before.until_ms, before.graph_revision) == (NOW + 9_000, 3)
    assert (after.until_ms, after.graph_revision) == (NOW + 1_000, 4)


def test_a_remembered_answer_does_not_outlive_a_change() -> None:
    """Of a fact that it read; it lives on over a change elsewhere, with nothing read anew."""
    known = facts(*REACHED)
    judge = engine(BECAUSE, known=known)
    assert isinstance(judge.decide(HAS_TICKET), Permit)
    parses = judge.parses

    elsewhere = judge.over(known.changed(changes(put("ticket:T-9")), 4))
    assert isinstance(elsewhere.decide(HAS_TICKET), Permit)
    assert elsewhere.parses == parses

    held = judge.over(known.changed(changes(hold("ticket:T-1")), 5))
    assert refused(held.decide(HAS_TICKET)) == "no-permit"
    assert isinstance(judge.decide(HAS_TICKET), Permit)


def test_where_the_facts_add_nothing_nothing_is_read() -> None:
    """Cedar gets the bundle's own entities, which it has read already."""
    judge = engine(PERMIT_ALL, known=facts(base=Base([tenant_thing(ACME), BOT, SHARED], BASE.above[
        BOT.ref
    ])))  # fmt: skip
    before = judge.parses

    assert isinstance(judge.decide(QUERY), Permit)
    assert judge.parses == before


def test_a_person_is_shown_on_whose_behalf_the_task_is() -> None:
    """When that person is registered; otherwise nothing is there, and it is no error."""
    policy = (
        '@id("behalf") permit (principal, action, resource) when '
        '{ context has behalf && context.behalf.status == "active" && '
        "resource has dataset && context.behalf in resource.dataset };"
    )
    more = (*REACHED, put("person:ann"), relate("person:ann entitled-to dataset:orders"))
    judge = engine(policy, known=facts(*more))

    assert isinstance(judge.decide(in_task(on_behalf_of="ann")), Permit)
    assert refused(judge.decide(in_task(on_behalf_of="bob"))) == "no-permit"
    assert refused(judge.decide(QUERY)) == "no-permit"


def test_the_tasks_registered_tickets_are_shown_closed_ones_too() -> None:
    """Policy may ask for any of them by its name."""
    policy = (
        '@id("by") permit (principal, action, resource) when '
        '{ context.tickets.contains(Ticket::"acme/T-2") };'
    )
    judge = engine(policy, known=facts(*REACHED, put("ticket:T-2", status="closed")))

    assert isinstance(judge.decide(in_task(tickets=("T-1", "T-2"))), Permit)
    assert refused(judge.decide(HAS_TICKET)) == "no-permit"


def test_a_capability_about_what_nobody_registered_can_be_asked_about() -> None:
    """It is unknown and does not stand; reading it is no error, which would refuse others too."""
    policy = (
        '@id("no") forbid (principal, action, resource) when '
        '{ resource has dataset && resource.dataset.status == "unknown" };'
    )

    assert refused(engine(PERMIT_ALL, policy, known=facts()).decide(QUERY)) == "forbidden"


def test_the_time_is_shown_and_bounds_the_answer() -> None:
    """Within the hours it is a permit until their end, after it a refusal until midnight."""
    policy = (
        '@id("hours") permit (principal, action, resource) when '
        "{ context.time.minuteOfDay < 1020 };"
    )
    day = NOW // 86_400_000 * 86_400_000
    clock = FakeClock(day + 1019 * 60_000)
    judge = CedarEngine(compiled(policy), ENTITIES, revision=7, facts=facts(), clock=clock)

    within = judge.decide(QUERY)
    clock.advance(60_000)
    after = judge.decide(QUERY)
    clock.advance(86_400_000 - 120_000)
    next_day = judge.decide(QUERY)

    assert isinstance(within, Permit)
    assert within.trace.until_ms == day + 1020 * 60_000
    assert refused(after) == "no-permit"
    assert after.trace.until_ms == day + 86_400_000
    assert isinstance(next_day, Permit)
    assert next_day.trace.until_ms == day + 86_400_000 + 1020 * 60_000


OLD = Source(
    "schema",
    """
    entity Team; entity Orchestrator { tenants: Set<String> }; entity Operator { tenants: Set<String> };
    entity Agent in [Team] {
      tenant: String, owner: String, purpose: String, status: String, risk?: String };
    entity Capability { tenants: Set<String>, audience: String, check: String, dataClass?: String,
      scopes: Set<String> };
    type Task = { id: String, name: String, tenant: String, agent: String, opener: String,
      onBehalfOf?: String, tickets: Set<String>, resources: Set<String>, depth: Long };
    type Caller = { issuer: String, subject: String, instance?: String, claims: Set<String> };
    type Request = { task: Task, caller: Caller, scopes: Set<String>, ttlSeconds: Long,
      ceiling: { capabilities: Set<String>, grants: Set<String> }, labels: Set<String> };
    action OpenTask, DelegateTask, ExtendTask appliesTo {
      principal: [Orchestrator, Agent], resource: [Agent], context: Request };
    action RequestCredential, RenewCredential appliesTo {
      principal: [Agent], resource: [Capability], context: Request };
    """,  # noqa: E501 - as it was
)


def of_old(text: str, known: Facts) -> CedarEngine:
    """Make an engine with the schema of before facts."""
    policies = compile_policies((Source("p", text),), OLD)
    assert not policies.faults
    return CedarEngine(policies, ENTITIES, revision=7, facts=known, clock=FakeClock(NOW))


def test_a_schema_of_before_goes_on_working() -> None:
    """What it does not know is not shown; what it does know, teams, follows the facts."""
    policy = (
        '@id("team") permit (principal, action, resource) when '
        '{ principal in Team::"finance" || principal in Team::"acme/billing" };'
    )
    team = (put("team:billing"), relate("agent:invoice-bot member-of team:billing"))
    full = in_task(tickets=("T-1",), on_behalf_of="ann")

    assert isinstance(of_old(policy, facts(*REACHED)).decide(full), Permit)
    assert isinstance(of_old(policy, facts(*team, hold("team:/finance"))).decide(full), Permit)
    assert refused(of_old(policy, facts(hold("team:/finance"))).decide(full)) == "no-permit"


def test_too_much_to_look_at_is_refused_and_never_cut() -> None:
    """A part of the facts would be another answer."""
    many = [put(f"ticket:X-{n}") for n in range(5_100)]
    many += [relate(f"agent:invoice-bot assigned-to ticket:X-{n}") for n in range(5_100)]
    known = Facts(base=BASE).changed(changes(*REACHED, *many), 3)
    judge = engine(BECAUSE, PERMIT_ALL, known=known)

    decision = judge.decide(HAS_TICKET)

    assert refused(decision) == "engine-error"
    assert "5000" in decision.trace.errors[0]
    assert judge.explain(HAS_TICKET).reason == "engine-error"


def test_an_agent_of_the_log_alone_is_an_agent() -> None:
    """With the attributes that its record has, and the rules that hold for everybody."""
    policy = (
        '@id("log") permit (principal is Agent, action, resource) when '
        '{ principal.tenant == "acme" && principal.owner == "person:ann" };'
    )
    more = (put("person:ann"), put("agent:log/bot#1"))

    assert isinstance(engine(policy, known=facts(*more)).decide(by("log/bot#1")), Permit)
    assert refused(engine(policy, known=facts(*more[1:])).decide(by("log/bot#1"))) == "owner-gone"


def test_every_action_can_be_asked_with_facts() -> None:
    """The shipped schema understands each with everything that there can be."""
    known = facts(*REACHED, put("person:ann"))
    judge = engine(PERMIT_ALL, known=known)
    full = in_task(tickets=("T-1",), on_behalf_of="ann")

    for action in set(Action) - {Action.LEND_RIGHT, Action.BREAK_GLASS}:
        capability = QUERY.capability if action.is_about_credential else None
        decision = judge.decide(replace(full, action=action, capability=capability))
        assert isinstance(decision, Permit), (action, decision)


def test_what_is_shown_elsewhere_is_what_cedar_is_shown() -> None:
    """Another engine gets the same things, and the same refusal before it is asked."""
    judge = engine(PERMIT_ALL, known=facts(*REACHED))

    shown = judge.shown(HAS_TICKET)

    assert [entity.name for entity in shown.entities] == [
        EntityName("Agent", "invoice-bot"),
        EntityName("Capability", "orders-api"),
        EntityName("Dataset", "acme/orders"),
        EntityName("Task", "this"),
        EntityName("Team", "finance"),
        EntityName("Ticket", "acme/T-1"),
    ]
    assert shown.graph_revision == 3
    held = engine(PERMIT_ALL, known=facts(hold("agent:invoice-bot"))).shown(HAS_TICKET)
    assert held.refusal is not None
    assert refused(held.refusal) == "agent-held"
    assert not held.entities


def test_purposes_of_people_stay_texts() -> None:
    """Quotes, marks of other alphabets and words that Cedar knows change nothing."""
    odd = 'x" in Ticket::"acme/T-1", {"__entity": \u202e'
    more = (put("ticket:T-1", purpose=odd), *REACHED[1:])
    judge = engine(BECAUSE, known=facts(*more))

    assert isinstance(judge.decide(HAS_TICKET), Permit)
    assert thing("ticket:T-1", purpose=odd).purpose == odd
