"""Who may say yes to what: every way to be kept from it, and every way not to be."""

from itertools import combinations, product

import pytest

from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.governance.approvers import Bar, Parties, bar, may_answer, unmet, who_may
from broker.model.approval import Requirement
from broker.policy.query import TaskFacts
from tests.fakes.facts import GLOBEX, changes, hold, put, relate, world

NOW = 1_000_000
ONCALL = Requirement(("oncall",))
PARTIES = Parties("acme", ("invoice-bot",), "orchestrator:crm")
PEOPLE = ("dana", "erin", "fay")

GROUND = (
    *(put(f"person:{name}") for name in PEOPLE),
    put("team:oncall"),
    put("team:night"),
    put("agent:parent-bot"),
    *(relate(f"person:{name} member-of team:oncall") for name in PEOPLE),
)


def facts(*more: Change) -> Facts:
    """Three people on call, and what else a test says."""
    return world(*GROUND, *more)


def barred(known: Facts, asked: Requirement = ONCALL, parties: Parties = PARTIES) -> Bar | None:
    """Ask about dana."""
    return bar(known, "dana", asked, parties, NOW)


def test_a_member_of_the_group_may() -> None:
    """Who has no part in it, and stands."""
    assert barred(facts()) is None


def test_a_member_of_a_team_within_the_group_may() -> None:
    """By any chain that counts, a team that all tenants share included."""
    nested = world(
        put("person:dana"),
        put("team:night"),
        put("team:oncall"),
        relate("person:dana member-of team:night"),
        relate("team:night part-of team:oncall"),
        relate("team:night part-of team:/finance"),
    )

    assert barred(nested) is None
    assert barred(nested, Requirement(("finance",))) is None


@pytest.mark.parametrize("until", [NOW - 1, NOW, NOW + 1])
def test_membership_counts_until_its_instant(until: int) -> None:
    """And not at it."""
    known = world(
        put("person:dana"),
        put("team:oncall"),
        relate("person:dana member-of team:oncall", until=until),
    )

    assert barred(known) is (None if until > NOW else Bar.NO_GROUP)


@pytest.mark.parametrize(
    ("change", "parties", "expected"),
    [
        (hold("person:dana"), PARTIES, Bar.NOT_STANDING),
        (put("person:dana", status="gone"), PARTIES, Bar.NOT_STANDING),
        (hold("tenant:acme"), PARTIES, Bar.NOT_STANDING),
        (hold("team:oncall"), PARTIES, Bar.NO_GROUP),
        (put("team:other"), Parties("acme", ("invoice-bot",), "person:dana"), Bar.OPENED),
        (put("team:other"), Parties("acme", ("invoice-bot",), "person:x", "dana"), Bar.ON_BEHALF),
        (
            put("team:other"),
            Parties("acme", ("invoice-bot",), "person:x", "person:dana"),
            Bar.ON_BEHALF,
        ),
        (
            put("team:other"),
            Parties("acme", ("invoice-bot",), "person:x", asked_by="dana"),
            Bar.ASKED,
        ),
        (relate("agent:invoice-bot acts-for person:dana"), PARTIES, Bar.ACTED_FOR),
        (
            relate("agent:parent-bot acts-for person:dana"),
            Parties("acme", ("parent-bot", "invoice-bot"), "orchestrator:crm"),
            Bar.ACTED_FOR,
        ),
        (
            relate("agent:parent-bot acts-for person:dana"),
            Parties("acme", ("invoice-bot",), "agent:parent-bot"),
            Bar.ACTED_FOR,
        ),
        (put("team:other"), Parties("acme", ("nobody-bot",), "orchestrator:crm"), Bar.UNSURE),
        (put("team:other"), Parties("globex", ("invoice-bot",), "o:x"), Bar.NOT_STANDING),
    ],
)
def test_what_keeps_somebody_from_it(change: Change, parties: Parties, expected: Bar) -> None:
    """Each alone is enough."""
    assert barred(facts(change), parties=parties) is expected


def test_acting_for_somebody_ends_with_its_time() -> None:
    """What is over keeps nobody from anything."""
    assert barred(facts(relate("agent:invoice-bot acts-for person:dana", until=NOW))) is None


@pytest.mark.parametrize(
    "owned",
    [
        (put("agent:invoice-bot", owner="person:dana"),),
        (put("agent:invoice-bot", owner="team:oncall"),),
        (
            put("agent:invoice-bot", owner="team:/finance"),
            relate("team:oncall part-of team:/finance"),
        ),
    ],
)
def test_an_owner_may_unless_policy_says_not(owned: tuple[Change, ...]) -> None:
    """By herself or by a team of hers."""
    known = facts(*owned)

    assert barred(known) is None
    assert barred(known, Requirement(("oncall",), not_owner=True)) is Bar.OWNER


def test_the_owner_of_an_agent_above_is_an_owner() -> None:
    """What an agent handed on is its owner's as well; so is what another agent opened."""
    known = facts(put("agent:parent-bot", owner="person:dana"))
    asked = Requirement(("oncall",), not_owner=True)

    for parties in (
        Parties("acme", ("parent-bot", "invoice-bot"), "orchestrator:crm"),
        Parties("acme", ("invoice-bot",), "agent:parent-bot"),
    ):
        assert barred(known, asked, parties) is Bar.OWNER


def test_a_person_of_another_tenant_is_nobody_here() -> None:
    """Whatever she is in there, or is called."""
    known = world(
        put("person:dana", GLOBEX),
        put("team:oncall", GLOBEX),
        relate("person:dana member-of team:oncall", GLOBEX),
    )

    assert barred(known) is Bar.NOT_STANDING
    assert who_may(known, [ONCALL], PARTIES, NOW) == ()


def test_every_requirement_needs_its_count_of_different_people() -> None:
    """One voice of each, over all sets of people and small counts."""
    known = facts()

    for count, size in product(range(1, 4), range(4)):
        asked = Requirement(("oncall",), count)
        for voices in combinations(PEOPLE, size):
            met = not unmet(known, [*voices, *voices], [asked], PARTIES, NOW)
            assert met is (size >= count)


def test_a_voice_counts_for_all_that_she_could_agree_to() -> None:
    """And for nothing else; all of them have to be met."""
    known = facts(put("team:security"), relate("person:erin member-of team:security"))
    both = [ONCALL, Requirement(("security",))]

    assert unmet(known, ["dana"], both, PARTIES, NOW) == (both[1],)
    assert unmet(known, ["erin"], both, PARTIES, NOW) == ()
    assert not unmet(known, ["dana", "erin"], both, PARTIES, NOW)


def test_a_voice_counts_no_more_once_she_may_not_raise_it() -> None:
    """She has left, is held, or has been given a part in it since."""
    for since in (
        put("person:dana", status="gone"),
        hold("person:dana"),
        relate("agent:invoice-bot acts-for person:dana"),
    ):
        known = facts().changed(changes(since), 2)

        assert unmet(known, ["dana"], [ONCALL], PARTIES, NOW) == (ONCALL,)


def test_who_may_is_named_in_order_and_bounded() -> None:
    """For those who are told of it: nobody who would be turned away."""
    known = facts(relate("agent:invoice-bot acts-for person:erin"))

    assert who_may(known, [ONCALL], PARTIES, NOW) == ("dana", "fay")
    assert who_may(known, [ONCALL], PARTIES, NOW, limit=1) == ("dana",)


def test_who_may_answer_any_requirement_may_refuse() -> None:
    """One is enough."""
    known = facts()
    other = Requirement(("nobody-is-in-it",))

    assert may_answer(known, "dana", [other, ONCALL], PARTIES, NOW)
    assert not may_answer(known, "dana", [other], PARTIES, NOW)
    assert not may_answer(known, "dana", [], PARTIES, NOW)


def test_the_parties_are_those_of_the_whole_path() -> None:
    """Whoever handed the task on has a part in it."""
    task = TaskFacts(
        id="t",
        name="n",
        tenant="acme",
        agent="b",
        opener="agent:a",
        above=("a", "b"),
        on_behalf_of="x",
    )

    assert Parties.of(task) == Parties("acme", ("a", "b"), "agent:a", "x")
