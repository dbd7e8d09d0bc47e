"""Files of facts are read strictly, and every fault has its place."""

from pathlib import Path

import pytest

from broker.errors import ConfigurationError
from broker.facts.checking import faults_of
from broker.facts.documents import differences
from broker.facts.text_form import parse_instant
from broker.governance.fact_files import DeclaredFacts, read_fact_files
from broker.settings.load import Reading
from tests.fakes.facts import changes, edge, hold, ref, thing, world

WHOLE = """\
source: crm
tenant: acme
people:
  - name: bob
teams:
  - name: support
    owner: person:bob
tickets:
  - name: T-2
    purpose: a refund
  - name: T-3
    status: closed
workflows:
  - name: refunds
datasets:
  - name: refunds-2027/q1
    data_class: restricted
tools:
  - name: crm
resources:
  - name: mailbox
agents:
  - name: refund-bot
    owner: team:support
    purpose: pays back
    status: active
    risk: low
    review_by: "2030-01-31"
    identities: ["https://issuer.example repo:acme/refunds:*"]
    quota: 5
relationships:
  - agent:refund-bot member-of team:support
  - team:support assigned-to ticket:T-2 until 2027-01-31T12:00:00Z
  - subject: ticket:T-2
    relation: concerns
    object: dataset:refunds-2027/q1
  - subject: agent:refund-bot
    relation: runs
    object: workflow:refunds
    expires: 2027-01-31T12:00:00Z
"""


def written(folder: Path, text: str, name: str = "facts.yaml") -> Path:
    """Write a file."""
    path = folder / name
    path.write_text(text)
    return path


def read(*paths: Path) -> DeclaredFacts:
    """Read files that have no fault."""
    reading = Reading()
    found = read_fact_files(paths, reading)
    reading.finish()
    return found


def told(*paths: Path) -> list[str]:
    """Return what is told of faulty files."""
    with pytest.raises(ConfigurationError) as caught:
        read(*paths)
    return [f"{Path(f.file).name}:{f.line} {f.key}" for f in caught.value.faults]


def test_every_section_is_read(tmp_path: Path) -> None:
    """Things with what stands if nothing is said, relationships in both forms."""
    (declared,) = read(written(tmp_path, WHOLE)).declarations
    until_ms = parse_instant("2027-01-31T12:00:00Z")

    assert (declared.source, declared.tenant) == ("crm", "acme")
    assert declared.things == (
        thing("person:bob"),
        thing("team:support", owner="person:bob"),
        thing("ticket:T-2", purpose="a refund"),
        thing("ticket:T-3", status="closed"),
        thing("workflow:refunds"),
        thing("dataset:refunds-2027/q1", data_class="restricted"),
        thing("tool:crm"),
        thing("resource:mailbox"),
        thing(
            "agent:refund-bot",
            owner="team:support",
            purpose="pays back",
            risk="low",
            review_by="2030-01-31",
            identities=("https://issuer.example repo:acme/refunds:*",),
            quota=5,
        ),
    )
    assert declared.relationships == (
        edge("agent:refund-bot member-of team:support"),
        edge("team:support assigned-to ticket:T-2", until=until_ms),
        edge("ticket:T-2 concerns dataset:refunds-2027/q1"),
        edge("agent:refund-bot runs workflow:refunds", until=until_ms),
    )


def test_what_is_read_can_be_applied(tmp_path: Path) -> None:
    """Nothing is amiss with it."""
    declared = read(written(tmp_path, WHOLE)).declarations

    (found,) = differences(world(), declared)

    assert faults_of(world(), found.change("operator:a", "apply")) == ()
    assert {type(each.risk) for _, each in found.put} == {str}


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("source: crm", "source: bundle", "facts.yaml:1 source"),
        ("source: crm\n", "", "facts.yaml:1 source"),
        ("tenant: acme", 'tenant: "*"', "facts.yaml:2 tenant"),
        ("  - name: bob", "  - nam: bob", "facts.yaml:4 people[0].name"),
        ("name: T-2", "name: T:2", "facts.yaml:9 tickets[0].name"),
        ("status: closed", "status: shut", "facts.yaml:12 tickets[1].status"),
        ("owner: team:support", "owner: support", "facts.yaml:24 agents[0].owner"),
        ("    status: active\n", "", "facts.yaml:23 agents[0].status"),
        ('"2030-01-31"', '"2030-02-31"', "facts.yaml:28 agents[0].review_by"),
        ("repo:acme/refunds:*", "*", "facts.yaml:29 agents[0].identities"),
        ("quota: 5", "quota: 0", "facts.yaml:30 agents[0].quota"),
        ("member-of team:support", "member-of support", "facts.yaml:32 relationships[0]"),
        ("agent:refund-bot member-of", "team:/x part-of", "facts.yaml:32 relationships[0]"),
        ("until 2027", "until 27", "facts.yaml:33 relationships[1]"),
        ("relation: runs", "relation: run", "facts.yaml:38 relationships[3].relation"),
        ("expires: 2027-", "expires: 27-", "facts.yaml:40 relationships[3].expires"),
        ("name: T-3", "name: T-2", "facts.yaml:11 tickets[1]"),
    ],
)
def test_each_fault_has_file_line_and_key(tmp_path: Path, old: str, new: str, place: str) -> None:
    """As in every other file."""
    assert old in WHOLE

    assert place in told(written(tmp_path, WHOLE.replace(old, new, 1)))


def test_all_faults_of_all_files_are_told_together(tmp_path: Path) -> None:
    """And what is declared twice, in whichever file."""
    one = written(tmp_path, "source: a\ntenant: acme\ntools:\n  - name: x\n", "one.yaml")
    two = written(
        tmp_path, "source: b\ntenant: acme\ntools:\n  - name: x\n  - name: -x\n", "two.yaml"
    )
    three = written(tmp_path, "source: b\ntenant: acme\ntools:\n  - name: x\n", "three.yaml")

    assert told(one, two) == ["two.yaml:5 tools[1].name"]
    assert told(one, three) == ["three.yaml:4 tools[0]"]


def test_files_of_one_source_and_tenant_speak_together(tmp_path: Path) -> None:
    """What one says is not taken away by the other."""
    one = written(tmp_path, "source: a\ntenant: acme\ntools:\n  - name: x\n", "one.yaml")
    two = written(tmp_path, "source: a\ntenant: acme\ntools:\n  - name: y\n", "two.yaml")

    (declared,) = read(one, two, one).declarations

    assert [each.name for each in declared.things] == ["x", "y"]


def test_what_only_the_facts_can_tell_has_its_place_too(tmp_path: Path) -> None:
    """A ticket that nobody knows, an owner that nobody is; and what is written nowhere is named."""
    text = WHOLE.replace("object: workflow:refunds", "object: workflow:none").replace(
        "owner: team:support", "owner: team:nobody"
    )
    declared = read(written(tmp_path, text))
    (found,) = differences(world(), declared.declarations)
    change = found.change("operator:a", "apply")

    located = declared.located(change, faults_of(world(), change))

    assert [(Path(f.file).name, f.line, f.key) for f in located] == [
        ("facts.yaml", 24, "agents[0].owner"),
        ("facts.yaml", 39, "relationships[3].object"),
    ]


def test_what_is_to_go_and_cannot_is_named(tmp_path: Path) -> None:
    """It is written nowhere any more."""
    declared = read(written(tmp_path, "source: crm\ntenant: acme\n"))
    facts = world()
    first = read(written(tmp_path, WHOLE, "first.yaml")).declarations
    (had,) = differences(facts, first)
    facts = facts.changed(had.change("operator:a", "apply"), 2)

    facts = facts.changed(changes(hold("tool:crm")), 3)
    (found,) = differences(facts, declared.declarations)
    change = found.change("operator:a", "apply")

    (fault,) = declared.located(change, faults_of(facts, change))

    assert (fault.line, fault.key) == (0, str(ref("tool:crm")))
