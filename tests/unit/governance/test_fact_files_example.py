"""The example of facts that is shipped is in order, and does what its comments say."""

from broker.facts.checking import faults_of
from broker.facts.documents import differences
from broker.facts.facts import Facts
from broker.governance.base_facts import base_of
from broker.governance.bundle import Bundle
from broker.governance.fact_files import read_fact_files
from broker.model.decision import Permit
from broker.settings.load import Reading
from broker.settings.settings import BundleFiles
from tests.fakes.policy import CONFIG, QUERY, in_task
from tests.fakes.replace import replace

FILES = BundleFiles(
    agents=CONFIG / "agents.yaml",
    capabilities=CONFIG / "capabilities.yaml",
    resource_servers=CONFIG / "resource_servers.yaml",
    schema=CONFIG / "schema.cedarschema",
    policies=CONFIG / "policies",
)


def test_the_example_lets_an_agent_export_orders_because_of_a_ticket() -> None:
    """Over the shipped bundle, by the shipped policy."""
    bundle = Bundle.from_files(FILES)
    reading = Reading()
    declared = read_fact_files([CONFIG / "facts.yaml"], reading)
    reading.finish()
    empty = Facts(base=base_of(bundle.document))
    (difference,) = differences(empty, declared.declarations)
    change = difference.change("operator:test", "an example")
    assert faults_of(empty, change) == ()
    capability = bundle.document.capabilities_by_name()["orders-export"]
    query = replace(
        in_task(tickets=("T-1",)), capability=capability, scopes=frozenset({"orders:export"})
    )
    engine = bundle.engine(revision=1)

    decision = engine.over(empty.changed(change, 1)).decide(query)

    assert isinstance(decision, Permit)
    assert decision.trace.policies == ("because-of-the-ticket",)
    assert not isinstance(engine.decide(query), Permit)
    assert isinstance(engine.decide(QUERY), Permit)
