"""The order in which agents are listed."""

from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.governance.base_facts import base_of
from broker.governance.document import BundleDocument
from broker.governance.records import AgentRecord, Status, TeamRecord, TenantRecord
from broker.governance.roster import Roster
from tests.fakes.facts import changes, hold, put, relate


def agent(name: str, tenant: str, *teams: str) -> AgentRecord:
    """Register one."""
    return AgentRecord(
        name=name, tenant=tenant, owner="o", purpose="p", status=Status.RETIRED, teams=teams
    )


NOW = 1_000_000
BASE = base_of(
    BundleDocument(
        tenants=(
            TenantRecord(name="acme"),
            TenantRecord(name="acme-2"),
            TenantRecord(name="globex"),
        ),
        teams=(TeamRecord(name="finance", members=("b", "c")), TeamRecord(name="empty")),
        agents=(
            agent("c", "acme"),
            agent("a", "globex"),
            agent("b", "acme", "night", "finance"),
            agent("d", "acme-2"),
        ),
        orchestrators=(),
        operators=(),
        capabilities=(),
        resource_servers=(),
        schema="",
        policies=(),
    )
)
ROSTER = Roster(Facts(base=BASE))


def beyond(
    tenants: set[str], tenant: str = "", name: str = "", *, roster: Roster = ROSTER
) -> list[str]:
    """List the names after a place."""
    return [each.thing.name for each in roster.beyond(tenants, tenant, name, NOW)]


def test_agents_come_by_tenant_and_name() -> None:
    """Whatever their status."""
    assert beyond({"*"}) == ["b", "c", "d", "a"]


def test_other_tenants_agents_do_not_come() -> None:
    """Not even of one whose name begins alike."""
    assert beyond({"acme"}) == ["b", "c"]
    assert beyond({"globex", "acme-2"}) == ["d", "a"]
    assert beyond({"no-such"}) == beyond(set()) == []


def test_a_place_need_not_be_an_agent_s() -> None:
    """The list goes on after it, though the agent that was there is gone."""
    assert beyond({"*"}, "acme", "b") == ["c", "d", "a"]
    assert beyond({"*"}, "acme", "bb") == ["c", "d", "a"]
    assert beyond({"*"}, "acme", "z") == ["d", "a"]
    assert beyond({"*"}, "b-tenant", "") == ["a"]
    assert beyond({"*"}, "globex", "a") == beyond({"*"}, "z", "") == []


def test_a_place_in_another_tenant_shows_nothing_of_it() -> None:
    """It only says where to go on."""
    assert beyond({"acme"}, "acme-2", "") == []
    assert beyond({"globex"}, "acme", "b") == ["a"]


def test_teams_are_stated_here_and_there() -> None:
    """At the agent, at the team, or at both: once each, in order."""
    found = ROSTER.find("b", NOW)
    assert found is not None
    assert found.teams == ("finance", "night")
    assert [ROSTER.find(name, NOW).teams for name in ("a", "c")] == [(), ("finance",)]  # type: ignore[union-attr]  # they are there
    assert ROSTER.find("e", NOW) is None


def with_log(*each: Change) -> Roster:
    """Return the roster over a log with these changes."""
    return Roster(Facts(base=BASE).changed(changes(*each), 1))


def test_agents_of_the_log_are_listed_among_those_of_the_bundle() -> None:
    """Each in its place, none of a tenant that is not asked for, and the bundle's name is its."""
    roster = with_log(
        put("agent:bb"), put("agent:a", tenant="acme"), put("agent:x", tenant="globex")
    )

    assert beyond({"*"}, roster=roster) == ["b", "bb", "c", "d", "a", "x"]
    assert beyond({"acme"}, "acme", "b", roster=roster) == ["bb", "c"]


def test_what_the_log_says_of_an_agent_is_shown() -> None:
    """Its hold, the teams that it was put into while that counts, and a review that was missed."""
    roster = with_log(
        put("agent:bb", review_by="1970-01-01"),
        put("team:night-shift"),
        relate("agent:b member-of team:night-shift", until=NOW + 1),
        relate("agent:bb member-of team:night-shift", until=NOW),
        hold("agent:b"),
    )

    held, late = roster.find("b", NOW), roster.find("bb", 86_400_000)
    assert held is not None
    assert late is not None
    assert held.thing.hold is not None
    assert held.teams == ("finance", "night", "night-shift")
    assert (late.teams, late.is_overdue, held.is_overdue) == ((), True, False)
    in_order = roster.find("bb", 86_399_999)
    assert in_order is not None
    assert not in_order.is_overdue
