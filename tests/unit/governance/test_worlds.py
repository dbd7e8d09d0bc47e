"""Questions may state facts and an instant; what cannot be is told with its place."""

from pathlib import Path

import pytest

from broker.governance.bundle import Bundle
from tests.fakes.bundles import BundleFolder

QUESTION = """
  - name: the question
    expect: allow
    policies: [because-of-the-ticket]
    action: RequestCredential
    caller: agent:invoice-bot
    task: {tenant: acme, agent: invoice-bot, tickets: [T-1]}
    capability: orders-export
    scopes: [orders:export]
"""
FACTS = """\
    facts:
      things: ["ticket:T-1", "dataset:orders"]
      relationships:
        - agent:invoice-bot assigned-to ticket:T-1
        - ticket:T-1 concerns dataset:orders
"""


@pytest.fixture
def folder(tmp_path: Path) -> BundleFolder:
    """The shipped bundle, to be asked other questions."""
    return BundleFolder(tmp_path)


def ask(folder: BundleFolder, more: str) -> None:
    """Put one more question."""
    path = folder.files.policies / "tests.yaml"
    path.write_text(path.read_text() + QUESTION + more)


def test_a_question_is_answered_by_its_own_facts(folder: BundleFolder) -> None:
    """The neighbours' are others."""
    ask(folder, FACTS)

    assert Bundle.from_files(folder.files)


def test_what_is_published_states_the_same(folder: BundleFolder) -> None:
    """Facts and instants are part of the bundle, in their one order."""
    ask(folder, FACTS + "    at: 2027-01-31T12:00:00Z\n")
    bundle = Bundle.from_files(folder.files)

    assert Bundle.from_bytes(bundle.to_bytes()) == bundle


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "policy answers deny"),
        (FACTS.replace('"ticket:T-1"', '"ticket:T-1 closed"'), "policy answers deny"),
        (FACTS + '      held: ["team:/finance", "dataset:orders"]\n', "policy answers deny"),
        (FACTS + '      held: ["tenant:acme"]\n', "tenant-held"),
        (FACTS.replace("ticket:T-1 concerns", "ticket:T-2 concerns"), "facts: "),
        (FACTS.replace("assigned-to", "likes"), "facts.relationships"),
        (FACTS.replace('"dataset:orders"', '"dataset:orders gone"'), "facts: "),
        (FACTS.replace('"dataset:orders"', '"orders"'), "facts.things: "),
        (FACTS.replace('"dataset:orders"', '"tenant:acme"'), "facts.things: "),
        (FACTS + '      held: ["x"]\n', "facts.held: "),
        (FACTS + "    at: tomorrow\n", "at: "),
    ],
)
def test_what_is_not_as_it_must_be_is_told(folder: BundleFolder, more: str, told: str) -> None:
    """Another answer, and facts that cannot be."""
    ask(folder, more)

    assert any(told in fault for fault in folder.told()), folder.told()


def test_owners_and_reviews_are_in_order_where_nothing_else_is_stated(
    folder: BundleFolder,
) -> None:
    """Nobody has to write down facts of the day to publish a policy; a question may."""
    folder.edit(
        "agents.yaml",
        "owner: billing@acme.example",
        "owner: person:dana\n    review_by: '2001-01-01'",
    )
    assert Bundle.from_files(folder.files)

    ask(folder, FACTS.replace('"ticket:T-1"', '"ticket:T-1", "person:dana gone"'))

    assert any("owner-gone" in fault for fault in folder.told())
