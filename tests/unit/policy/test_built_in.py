"""Whoever is not in order is refused before policy, whatever policy would say."""

import pytest

from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.model.decision import Deny, Permit
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.model.principal import Kind
from broker.policy.cedar import CedarEngine
from broker.policy.query import Action, Query
from tests.fakes.clock import FakeClock
from tests.fakes.facts import ACME, GLOBEX, changes, hold, put
from tests.fakes.policy import ENTITIES, PERMIT_ALL, PRINCIPAL, QUERY, compiled, in_task
from tests.fakes.replace import replace

DAY = 86_400_000
NOW = 1_800_000_000_000  # 2027-01-15
BY_CI = replace(
    QUERY,
    action=Action.EXTEND_TASK,
    capability=None,
    principal=replace(PRINCIPAL, kind=Kind.ORCHESTRATOR, name="ci"),
)


def bot(**said: object) -> Thing:
    """Register the agent in the bundle."""
    known = {"owner": "o", "purpose": "p", "status": "active"} | said
    return Thing(kind=ThingKind.AGENT, tenant=ACME, name="invoice-bot", source=BUNDLE, **known)


def engine(
    *more: Change, agent: Thing | None = None, clock: FakeClock | None = None
) -> CedarEngine:
    """Permit everything, over facts."""
    base = Base([tenant_thing(ACME), tenant_thing(GLOBEX), agent or bot()])
    known = Facts(base=base).changed(changes(*more), 1)
    when = clock or FakeClock(NOW)
    return CedarEngine(compiled(PERMIT_ALL), ENTITIES, revision=7, facts=known, clock=when)


@pytest.mark.parametrize("query", [QUERY, BY_CI], ids=["by the agent", "by its opener"])
@pytest.mark.parametrize(
    ("more", "agent", "reason"),
    [
        ([hold("agent:invoice-bot")], bot(), "agent-held"),
        ([], bot(status="suspended"), "agent-held"),
        ([], bot(status="retired"), "agent-held"),
        ([hold("tenant:acme")], bot(), "tenant-held"),
        ([], bot(owner="person:dana"), "owner-gone"),
        ([put("person:dana", status="gone")], bot(owner="person:dana"), "owner-gone"),
        ([put("person:dana"), hold("person:dana")], bot(owner="person:dana"), "owner-gone"),
        ([put("person:dana", GLOBEX)], bot(owner="person:dana"), "owner-gone"),
        ([put("team:ops"), hold("team:ops")], bot(owner="team:ops"), "owner-gone"),
        ([], bot(review_by="2027-01-14"), "review-overdue"),
        ([], bot(review_by="2027-02-30"), "review-overdue"),
    ],
)
def test_who_is_not_in_order_is_refused(
    query: Query, more: list[Change], agent: Thing, reason: str
) -> None:
    """Whether it asks itself or somebody asks for its task; the trace says what is to be mended."""
    judge = engine(*more, agent=agent)

    decision = judge.decide(query)

    assert isinstance(decision, Deny)
    assert decision.reason == reason
    assert decision.trace.missing[0].startswith("built in: ")
    assert decision.trace.graph_revision == 1
    assert judge.explain(query).reason == reason


@pytest.mark.parametrize(
    ("more", "agent"),
    [
        ([], bot()),
        ([], bot(owner="billing@acme.example")),
        ([put("person:dana")], bot(owner="person:dana")),
        ([put("team:ops")], bot(owner="team:ops")),
        ([], bot(review_by="2027-01-15")),
        ([hold("tenant:globex")], bot()),
        ([hold("person:dana", GLOBEX), put("person:dana")], bot(owner="person:dana")),
        ([put("ticket:T-1", status="closed"), hold("ticket:T-2")], bot()),
    ],
)
def test_who_is_in_order_is_not(more: list[Change], agent: Thing) -> None:
    """A contact needs no registering; a ticket that does not stand is policy's matter."""
    query = in_task(tickets=("T-1", "T-2", "unheard of"))

    assert isinstance(engine(*more, agent=agent).decide(query), Permit)


def test_a_hold_on_the_tasks_tenant_counts_for_agents_of_another() -> None:
    """Nothing is done in a tenant that is held."""
    decision = engine(hold("tenant:globex")).decide(in_task(tenant=GLOBEX))

    assert isinstance(decision, Deny)
    assert decision.reason == "tenant-held"


def test_a_review_is_overdue_when_its_day_is_over() -> None:
    """In UTC; every answer before says that it stands no longer than until then."""
    clock = FakeClock(NOW)
    judge = engine(agent=bot(review_by="2027-01-15"), clock=clock)
    midnight = (NOW // DAY + 1) * DAY

    before = judge.decide(QUERY)
    clock.set_wall(midnight - 1)
    last = judge.decide(QUERY)
    clock.set_wall(midnight)
    after = judge.decide(QUERY)

    assert isinstance(before, Permit)
    assert isinstance(last, Permit)
    assert before.trace.until_ms == last.trace.until_ms == midnight
    assert isinstance(after, Deny)
    assert after.reason == "review-overdue"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ([hold("agent:boss")], "agent-held"),
        ([put("agent:boss", status="suspended")], "agent-held"),
        ([put("person:ann", status="gone")], "owner-gone"),
        ([put("agent:boss", review_by="2027-01-14")], "review-overdue"),
        ([put("agent:boss", review_by="2027-01-15")], ""),
    ],
)
def test_who_has_handed_the_task_on_has_to_be_in_order(more: list[Change], reason: str) -> None:
    """As the agent itself has; the answer stands no longer than that does."""
    judge = engine(put("person:ann"), put("agent:boss"), *more)
    decision = judge.decide(in_task(above=("boss",)))

    if reason:
        assert isinstance(decision, Deny)
        assert decision.reason == reason
        assert decision.trace.missing[0].endswith("; it has handed the task on")
    else:
        assert isinstance(decision, Permit)
        assert decision.trace.until_ms == (NOW // DAY + 1) * DAY
    assert isinstance(judge.decide(QUERY), Permit)


@pytest.mark.parametrize("tenant", [GLOBEX, None])
def test_who_has_handed_the_task_on_and_is_gone_gives_nothing(tenant: str | None) -> None:
    """Whether it is another tenant's now or nobody's: which, is not told."""
    there = [put("person:ann", tenant), put("agent:boss", tenant)] if tenant else []
    decision = engine(*there).decide(in_task(above=("boss",)))

    assert isinstance(decision, Deny)
    assert decision.trace.missing == (
        "built in: agent:boss is none of acme any more; it has handed the task on",
    )


def test_who_is_lifted_is_permitted_again() -> None:
    """By the next revision, at once."""
    held = Facts(base=Base([tenant_thing(ACME), bot()])).changed(
        changes(hold("agent:invoice-bot")), 1
    )
    judge = engine().over(held)
    assert isinstance(judge.decide(QUERY), Deny)

    free = Facts(2, held.base)

    assert isinstance(judge.over(free).decide(QUERY), Permit)


BY_DANA = replace(
    QUERY,
    action=Action.OPEN_TASK,
    capability=None,
    principal=replace(PRINCIPAL, kind=Kind.PERSON, name="dana"),
)


@pytest.mark.parametrize(
    "more",
    [
        [],
        [put("person:dana", status="gone")],
        [put("person:dana"), hold("person:dana")],
        [put("person:dana", GLOBEX)],
    ],
)
def test_a_person_who_does_not_stand_is_refused(more: list[Change]) -> None:
    """In the task's tenant, whatever policy would say."""
    decision = engine(*more).decide(BY_DANA)

    assert isinstance(decision, Deny)
    assert decision.reason == "person-gone"


def test_without_facts_no_person_is_asked_about() -> None:
    """A permit for everybody is none for people whom nobody knows."""
    decision = CedarEngine(compiled(PERMIT_ALL), ENTITIES, revision=7).decide(BY_DANA)

    assert isinstance(decision, Deny)
    assert decision.reason == "person-gone"
