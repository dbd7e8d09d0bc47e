"""A bundle as the facts below the log's."""

from broker.facts.facts import Facts
from broker.governance.base_facts import base_of
from broker.governance.bundle import Bundle
from broker.model.fact import BUNDLE
from broker.settings.settings import BundleFiles
from tests.fakes.facts import ref
from tests.fakes.policy import CONFIG

SHIPPED = Bundle.from_files(
    BundleFiles(
        agents=CONFIG / "agents.yaml",
        capabilities=CONFIG / "capabilities.yaml",
        resource_servers=CONFIG / "resource_servers.yaml",
        schema=CONFIG / "schema.cedarschema",
        policies=CONFIG / "policies",
    )
).document


def test_what_is_registered_is_known_and_stands() -> None:
    """Tenants, teams that all share, and agents with all that their records say."""
    facts = Facts(base=base_of(SHIPPED))
    bot = facts.thing(ref("agent:invoice-bot"))

    assert bot is not None
    assert (bot.source, bot.status, bot.risk, bot.quota) == (BUNDLE, "active", "medium", 100)
    assert bot.owner == "billing@acme.example"
    assert facts.stands(bot.ref)
    assert facts.owner_stands(bot.ref)
    assert facts.stands(ref("tenant:globex"))
    assert facts.thing(ref("agent:stock-bot", "globex")) is not None


def test_membership_counts_however_it_was_stated() -> None:
    """At the agent or at the team."""
    facts = Facts(base=base_of(SHIPPED))

    assert facts.parents(ref("agent:invoice-bot"), 0) == (ref("team:/finance"),)
    assert facts.parents(ref("agent:report-bot"), 0) == (ref("team:/finance"),)
    assert facts.parents(ref("agent:helper-bot"), 0) == ()
