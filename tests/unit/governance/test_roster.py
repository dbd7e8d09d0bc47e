"""The order in which agents are listed."""

from broker.governance.document import BundleDocument
from broker.governance.records import AgentRecord, Status, TeamRecord, TenantRecord
from broker.governance.roster import Roster


def agent(name: str, tenant: str, *teams: str) -> AgentRecord:
    """Register one."""
    return AgentRecord(
        name=name, tenant=tenant, owner="o", purpose="p", status=Status.RETIRED, teams=teams
    )


ROSTER = Roster(
    BundleDocument(
        tenants=(TenantRecord(name="acme"), TenantRecord(name="globex")),
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


def beyond(tenants: set[str], tenant: str = "", name: str = "") -> list[str]:
    """List the names after a place."""
    return [each.record.name for each in ROSTER.beyond(tenants, tenant, name)]


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
    found = ROSTER.find("b")
    assert found is not None
    assert found.teams == ("finance", "night")
    assert [ROSTER.find(name).teams for name in ("a", "c")] == [(), ("finance",)]  # type: ignore[union-attr]  # they are there
    assert ROSTER.find("e") is None
