"""What a schema knows is read out of what Cedar makes of it."""

import pytest
from cedarpy import Schema

from broker.policy.vocabulary import EntityShape, Vocabulary
from tests.fakes.policy import SCHEMA

ODD = """
@doc("entity Hidden { x: Long }; type {")
@entity("Agent") @type
entity Ticket, Foo;
entity Dataset in [Ticket, Dataset] {
  "a b": { x: Long, y?: Set<String> }, @doc("owner: {") t: __cedar::String, ip: ipaddr, f?: Flag,
};
entity Kind enum ["entity", "}"];
entity Tagged in Ticket { } tags Set<String>;
type Flag = Bool;
type Inner = { "entity": Flag };
type Request = { inner: Inner, work: Foo, tickets?: Set<Ticket> };
action "Read { all", "Other" in [Act] appliesTo {
  principal: Foo, resource: [Ticket], context: Request
};
action Act appliesTo { principal: [Foo], resource: [Ticket], context: { n: Long } };
action Bare appliesTo { principal: [Foo], resource: [Ticket] };
namespace N { entity Hidden { y: { z: Long } }; type Other = Long; }
"""


@pytest.fixture(scope="module")
def odd() -> Vocabulary:
    """A schema of everything that a schema may have."""
    return Vocabulary(Schema.from_str(ODD))


def test_entities_are_known_with_attributes_and_parents(odd: Vocabulary) -> None:
    """Whatever they are written like; those of a namespace are others."""
    assert odd.entity("Ticket") == EntityShape({}, frozenset())
    assert odd.entity("Foo") == EntityShape({}, frozenset())
    assert odd.entity("Tagged") == EntityShape({}, frozenset({"Ticket"}))
    assert odd.entity("Dataset") == EntityShape(
        {"a b": {"x": "Long", "y": "Set<String>"}, "t": "String", "ip": "ipaddr", "f": "Bool"},
        frozenset({"Ticket", "Dataset"}),
    )


def test_what_is_only_text_declares_nothing(odd: Vocabulary) -> None:
    """A comment, an annotation, an enumerated name."""
    assert odd.entity("Hidden") is None
    assert odd.entity("Agent") is None


def test_contexts_are_known_by_action(odd: Vocabulary) -> None:
    """A named context is followed to what it has."""
    request = {"inner": {"entity": "Flag"}, "work": "Foo", "tickets": "Set<Ticket>"}

    assert odd.context("Read { all") == request
    assert odd.context("Other") == request
    assert odd.context("Act") == {"n": "Long"}
    assert odd.context("Bare") == {}
    assert odd.context("Unknown") == {}


def test_the_shipped_schema_is_understood() -> None:
    """Every type and every action of it."""
    known = Vocabulary(Schema.from_str(SCHEMA.text))

    agent = known.entity("Agent")
    assert agent is not None
    assert {"tenant", "owner", "purpose", "status", "risk"} <= set(agent.attributes)
    assert known.context("OpenTask") == known.context("RequestCredential")
    assert {"task", "caller", "ceiling", "scopes"} <= set(known.context("OpenTask"))
