"""How things are called, and when a relationship counts."""

import msgspec
import pytest

from broker.model.fact import Ref, Relation, Relationship, Thing, ThingKind, agent_ref, tenant_ref
from tests.fakes.facts import edge, thing


@pytest.mark.parametrize(
    ("ref", "text", "cedar"),
    [
        (Ref(ThingKind.TICKET, "acme", "T-1"), "ticket:T-1", "acme/T-1"),
        (agent_ref("acme", "bot"), "agent:bot", "bot"),
        (Ref(ThingKind.TEAM, "", "finance"), "team:/finance", "finance"),
        (Ref(ThingKind.TEAM, "acme", "finance"), "team:finance", "acme/finance"),
        (tenant_ref("acme"), "tenant:acme", "acme"),
    ],
)
def test_a_thing_has_one_name_in_texts_and_one_in_policies(ref: Ref, text: str, cedar: str) -> None:
    """Only agents, and teams that all tenants share, are known without their tenant."""
    assert (str(ref), ref.cedar_id) == (text, cedar)


def test_a_relationship_counts_until_its_instant_and_not_at_it() -> None:
    """Never passed is never over."""
    ends = edge("agent:a assigned-to ticket:t", until=1_000)

    assert ends.counts_at(999)
    assert not ends.counts_at(1_000)
    assert edge("agent:a assigned-to ticket:t").counts_at(10**15)


@pytest.mark.parametrize(
    "value",
    [
        thing("agent:a", identities=("https://issuer repo:x/*",), quota=3, review_by="2030-01-31"),
        edge("agent:a assigned-to ticket:t", until=5, source="files"),
    ],
)
def test_what_is_written_is_read_as_what_it_was(value: Thing | Relationship) -> None:
    """Strictly: a member that nobody knows is an error."""
    raw = msgspec.json.encode(value)

    assert msgspec.json.decode(raw, type=type(value)) == value
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw[:-1] + b',"more":1}', type=type(value))


@pytest.mark.parametrize(
    ("issuer", "subject", "is_admitted"),
    [
        ("https://a", "repo:x/main", True),
        ("https://a", "repo:y/main", False),
        ("https://b", "repo:x/main", False),
        ("https://b", "only", True),
        ("https://b", "only-more", False),
        ("https://a repo:x/", "", False),
    ],
)
def test_only_stated_identities_are_admitted(issuer: str, subject: str, is_admitted: bool) -> None:  # noqa: FBT001  # a table
    """Word for word, but for a star at the subject's end."""
    agent = thing("agent:a", identities=("https://a repo:x/*", "https://b only"))

    assert agent.admits(issuer, subject) is is_admitted


def test_without_identities_every_issuer_is_believed() -> None:
    """As agents of the bundle always were."""
    assert thing("agent:a").admits("https://a", "whoever")


def test_kinds_and_relations_are_found_like_their_words() -> None:
    """Their hash is the word's, so that a table may be asked with either."""
    assert {ThingKind.AGENT: 1}["agent"] == 1  # type: ignore[index]  # that is what is promised
    assert {Relation.USES: 1}["uses"] == 1  # type: ignore[index]  # as above
