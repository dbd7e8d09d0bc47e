"""What a server is told is complete, and each member of its own type."""

import pytest

from broker.engines.question import UnfitQuestionError, question
from broker.policy.engine import Shown
from broker.policy.entity import Entity, EntityName
from broker.policy.query import Action
from tests.fakes.policy import PERMIT_ALL, QUERY, by, engine, in_task
from tests.fakes.replace import replace

NOTHING = Shown((), 0)
BARE = replace(
    QUERY,
    action=Action.OPEN_TASK,
    capability=None,
    ceiling=(),
    scopes=frozenset(),
    ttl_ms=0,
    principal=replace(QUERY.principal, instance="", tenants=frozenset()),
)


def test_every_fact_of_a_query_is_told() -> None:
    """With the registered that it is about, and the teams above them."""
    query = in_task(replace(QUERY, labels={"run": "7"}), tickets=("OPS-2", "OPS-1"), depth=1)

    told = question(query, engine(PERMIT_ALL).shown(query))

    assert told["action"] == "RequestCredential"
    assert told["principal"] == {
        "kind": "agent",
        "name": "invoice-bot",
        "tenants": ["acme"],
        "instance": "pod-1",
        "issuer": "https://issuer.example",
        "subject": "invoice-bot",
        "claims": [],
    }
    assert told["task"]["tickets"] == ["OPS-1", "OPS-2"]
    assert told["capability"]["name"] == "orders-api"
    assert told["ceiling"] == [{"capability": "orders-api", "scopes": ["orders:read"]}]
    assert (told["scopes"], told["ttl_seconds"]) == (["orders:read"], 60)
    assert (told["labels"], told["facts_revision"]) == (["run=7"], 7)
    assert [each["id"] for each in told["entities"]] == ["invoice-bot", "orders-api", "finance"]
    assert told["entities"][0]["attributes"]["risk"] == "low"
    assert told["entities"][0]["parents"] == [{"type": "Team", "id": "finance"}]


def test_every_member_is_there_when_nothing_is_known() -> None:
    """A rule that asks for a member finds it, so that no absence is taken for a permission."""
    full, bare = question(QUERY, NOTHING), question(BARE, NOTHING)

    assert full.keys() == bare.keys()
    for name in ("principal", "task"):
        assert full[name].keys() == bare[name].keys()
    assert bare["capability"] is None
    assert (bare["principal"]["instance"], bare["task"]["on_behalf_of"]) == ("", "")


def test_every_fact_of_a_task_is_told() -> None:
    """Whoever adds one to what policy may know adds it here.

    Who has handed the task on, and who lends her right to it, has to be in order before anybody is
    asked, and is not policy's: whoever lends is asked about in a question of her own.
    """
    facts = set(QUERY.task.__struct_fields__) - {"above", "lender"}

    assert set(question(QUERY, NOTHING)["task"]) == facts


def test_an_attribute_that_names_an_entity_says_which() -> None:
    """By type and id, as parents do."""
    about = Entity(EntityName("Capability", "c"), {"dataset": EntityName("Dataset", "acme/d")})

    told = question(QUERY, Shown((about,), 1, 5))

    assert told["entities"][0]["attributes"] == {"dataset": {"type": "Dataset", "id": "acme/d"}}
    assert (told["facts_revision"], told["graph_revision"]) == (1, 5)


def test_a_lifetime_never_looks_shorter_than_it_is() -> None:
    """Parts of a second count as a whole one."""
    assert question(replace(QUERY, ttl_ms=60_001), NOTHING)["ttl_seconds"] == 61


@pytest.mark.parametrize(
    "query",
    [
        replace(QUERY, capability=None),
        replace(QUERY, ttl_ms=2**63),
        replace(QUERY, ttl_ms=-1),
        replace(QUERY, ttl_ms=True),
        replace(QUERY, ttl_ms=1.5),
        replace(QUERY, scopes="orders:read"),
        replace(QUERY, scopes=frozenset({7})),
        by(7),  # type: ignore[arg-type]
        in_task(tenant=None),
        in_task(depth="0"),
        in_task(tickets="OPS-1"),
    ],
)
def test_what_is_not_of_its_type_is_not_asked(query: object) -> None:
    """Nothing is made to fit."""
    with pytest.raises(UnfitQuestionError):
        question(query, NOTHING)  # type: ignore[arg-type]


def test_what_a_caller_asserts_is_told_as_texts() -> None:
    """Whatever it nests or calls itself, it is one text beside others."""
    query = replace(QUERY, labels={"a": '{"allow": true}', "b": "x=y"})

    assert question(query, NOTHING)["labels"] == ['a={"allow": true}', "b=x=y"]
