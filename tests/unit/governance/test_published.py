"""A revision is in force whole, or not at all."""

import threading
from pathlib import Path

import pytest

from broker.errors import ConfigurationError, UnavailableError
from broker.facts.facts import Facts
from broker.governance.bundle import Bundle
from broker.governance.published import Current, Published
from broker.model.decision import Deny, Permit
from broker.model.principal import Kind
from broker.policy.decider import LocalDecider
from broker.policy.engine import Engine
from broker.policy.query import Action, Query
from broker.settings.limits import QuotaDefaults
from tests.fakes.bundles import BundleFolder
from tests.fakes.clock import FakeClock
from tests.fakes.facts import changes, hold, put, relate
from tests.fakes.policy import QUERY, in_task
from tests.fakes.replace import replace

DEFAULTS = QuotaDefaults(agent=7, tenant=70)
STRICTER = ('["orders:read", "reports:read"].containsAll', '["reports:read"].containsAll')


@pytest.fixture
def folder(tmp_path: Path) -> BundleFolder:
    """The shipped bundle, to be changed."""
    return BundleFolder(tmp_path)


def published(folder: BundleFolder, revision: int) -> Published:
    """Read the folder and build a revision, by way of the bytes that are published."""
    bundle = Bundle.from_bytes(Bundle.from_files(folder.files).to_bytes())
    return Published.of(bundle, revision=revision, quotas=DEFAULTS, clock=FakeClock())


def stricter(folder: BundleFolder) -> None:
    """Take away reading orders."""
    folder.edit("policies/20-credentials.cedar", *STRICTER)
    (folder.files.policies / "tests.yaml").unlink()


def test_a_revision_holds_everything(folder: BundleFolder) -> None:
    """Engine, registry, capabilities, resource servers and quotas, all of one bundle."""
    revision = published(folder, 3)

    assert revision.revision == 3
    assert revision.digest == Bundle.from_files(folder.files).digest
    assert sorted(revision.capabilities) == ["orders-api", "orders-export", "reports-read"]
    assert revision.capabilities["orders-api"].max_ttl_ms == 900_000
    assert sorted(revision.resource_servers) == [
        "https://orders.example",
        "https://reports.example",
    ]
    assert revision.registry.agent("invoice-bot") is not None
    decision = revision.engine.decide(QUERY)
    assert isinstance(decision, Permit)
    assert decision.trace.facts_revision == 3


async def test_what_is_asked_follows_from_the_engine_in_force(folder: BundleFolder) -> None:
    """Whatever stands before the engine is chosen once, and speaks for no other engine."""
    bundle = Bundle.from_files(folder.files)
    seen: list[object] = []

    def choose(engine: Engine) -> LocalDecider:
        seen.append(engine)
        return LocalDecider(engine)

    revision = Published.of(bundle, revision=3, quotas=DEFAULTS, clock=FakeClock(), deciding=choose)

    assert await revision.decider.decide(QUERY) == revision.engine.decide(QUERY)
    assert seen == [revision.engine]
    assert published(folder, 3).deciding is LocalDecider


def test_nothing_of_a_revision_can_be_changed(folder: BundleFolder) -> None:
    """Mappings are read-only."""
    revision = published(folder, 1)

    with pytest.raises(TypeError):
        revision.capabilities["x"] = revision.capabilities["orders-api"]  # type: ignore[index]


def test_quotas_are_stated_or_default(folder: BundleFolder) -> None:
    """What the record says counts, otherwise the settings, for strangers too."""
    quotas = published(folder, 1).quotas

    assert [quotas.of_agent(name) for name in ("invoice-bot", "report-bot", "nobody")] == [
        100,
        7,
        7,
    ]
    assert [quotas.of_tenant(name) for name in ("acme", "globex")] == [2_000, 70]


def test_without_a_revision_there_is_nothing_to_permit_by() -> None:
    """A broker that has read nothing yet only revokes."""
    current = Current()

    assert current.revision == 0
    with pytest.raises(UnavailableError, match="broker apply"):
        _ = current.published


def test_a_newer_revision_replaces_the_older_one(folder: BundleFolder) -> None:
    """The next request decides by the new policies and says so."""
    current = Current()
    current.replace(published(folder, 1))
    stricter(folder)

    assert current.replace(published(folder, 2))

    decision = current.published.engine.decide(QUERY)
    assert isinstance(decision, Deny)
    assert decision.trace.facts_revision == current.revision == 2


def test_an_older_revision_comes_too_late(folder: BundleFolder) -> None:
    """A slow reader does not bring back what was taken away."""
    old, current = published(folder, 1), Current()
    stricter(folder)
    current.replace(published(folder, 2))

    assert not current.replace(old)
    assert not current.replace(published(folder, 2))

    assert current.revision == 2


def test_one_number_for_two_contents_is_an_error(folder: BundleFolder) -> None:
    """Which of the two counts is not for chance to say; the one in force stays."""
    current = Current()
    current.replace(published(folder, 2))

    with pytest.raises(ConfigurationError, match="other content"):
        current.replace(replace(published(folder, 2), digest="0" * 64))

    assert current.revision == 2


BROKEN = [
    ("policies/10-tasks.cedar", "permit (", "permit (("),
    ("policies/20-credentials.cedar", "principal.tenant", "principal.tennant"),
    ("policies/20-credentials.cedar", 'max_ttl_seconds("120")', 'max_ttl_seconds("2m")'),
    ("agents.yaml", "status: active", "status: maybe"),
    ("capabilities.yaml", "tenants: [acme]", "tenants: [nowhere]"),
    ("schema.cedarschema", "entity Orchestrator {", "entity Orchestrator"),
]


@pytest.mark.parametrize(("file", "old", "new"), BROKEN)
def test_a_broken_bundle_leaves_the_old_one_in_force(
    folder: BundleFolder, file: str, old: str, new: str
) -> None:
    """However often it is tried: decisions are as before, by the version of before."""
    current = Current()
    current.replace(published(folder, 1))
    before = current.published.engine.decide(QUERY)
    folder.edit(file, old, new)

    for attempt in range(2, 5):
        with pytest.raises(ConfigurationError):
            current.replace(published(folder, attempt))

    assert current.revision == 1
    assert current.published.engine.decide(QUERY) == before


def test_no_request_is_decided_by_a_mix(folder: BundleFolder) -> None:
    """While revisions change under load, each decision's policies, version and facts agree."""
    one = published(folder, 1)
    stricter(folder)
    folder.edit("agents.yaml", "name: invoice-bot", "name: other-bot")
    two = published(folder, 2)
    current = Current()
    current.replace(one)
    allowed = {one.engine.decide(QUERY), two.engine.decide(QUERY)}
    seen, stop = set(), threading.Event()

    def decide() -> None:
        while not stop.is_set():
            seen.add(current.published.engine.decide(QUERY))

    threads = [threading.Thread(target=decide) for _ in range(3)]
    for thread in threads:
        thread.start()
    for revision in range(3, 60):
        current.replace(replace(one if revision % 2 else two, revision=revision))
    stop.set()
    for thread in threads:
        thread.join()

    assert len(allowed) == 2
    assert seen <= allowed


def test_an_orchestrator_opens_tasks_by_the_shipped_policies(folder: BundleFolder) -> None:
    """The registry's principal is the one that policies know."""
    revision = published(folder, 1)
    query = Query(
        action=Action.OPEN_TASK,
        principal=replace(QUERY.principal, kind=Kind.ORCHESTRATOR, name="ci-orchestrator"),
        task=QUERY.task,
        ceiling=QUERY.ceiling,
        ttl_ms=60_000,
    )

    assert isinstance(revision.engine.decide(query), Permit)


KNOWN = (
    put("person:ann"),
    put("agent:log-bot", quota=3),
    put("ticket:T-1"),
    put("dataset:orders"),
    relate("agent:invoice-bot assigned-to ticket:T-1"),
    relate("ticket:T-1 concerns dataset:orders"),
)


def test_facts_come_into_force_as_a_whole(folder: BundleFolder) -> None:
    """Decisions, callers and quotas, of one revision of the log; the one before stays as it was."""
    before = published(folder, 1)
    after = before.with_facts(Facts().changed(changes(*KNOWN), 4))
    query = replace(
        in_task(tickets=("T-1",)),
        capability=after.capabilities["orders-export"],
        scopes=frozenset({"orders:export"}),
    )

    decision = after.engine.decide(query)

    assert isinstance(decision, Permit)
    assert (decision.trace.facts_revision, decision.trace.graph_revision) == (1, 4)
    assert after.graph == 4
    assert after.registry.agent("log-bot") is not None
    assert (after.quotas.of_agent("log-bot"), after.quotas.of_agent("invoice-bot")) == (3, 100)
    assert not isinstance(before.engine.decide(query), Permit)
    assert before.registry.agent("log-bot") is None
    assert before.quotas.of_agent("log-bot") == 7


def test_a_held_agent_is_refused_by_the_next_facts(folder: BundleFolder) -> None:
    """And permitted again by those after them."""
    one = published(folder, 1).with_facts(Facts().changed(changes(hold("agent:invoice-bot")), 1))
    two = one.with_facts(Facts(2))

    decision = one.engine.decide(QUERY)

    assert isinstance(decision, Deny)
    assert decision.reason == "agent-held"
    assert isinstance(two.engine.decide(QUERY), Permit)
