import pytest

from broker.errors import InvalidRequestError
from broker.ids import TaskId
from broker.model.capability import Ceiling
from broker.model.task import TaskSpec
from broker.policy.query import Action, TaskFacts
from tests.fakes.policy import PRINCIPAL, QUERY
from tests.fakes.replace import replace


def test_labels_that_pose_as_entities_are_refused_before_any_engine() -> None:
    """A query with a reserved key in the labels cannot even be made."""
    with pytest.raises(InvalidRequestError) as caught:
        replace(QUERY, labels={"meta": {"__entity": {"type": "Role", "id": "admin"}}})

    assert caught.value.field == "labels"


def test_claims_that_pose_as_entities_are_refused_likewise() -> None:
    """What an issuer vouches for is looked at as carefully."""
    with pytest.raises(InvalidRequestError) as caught:
        replace(QUERY, principal=replace(PRINCIPAL, claims={"__extn": "x"}))

    assert caught.value.field == "claims"


def test_facts_are_taken_from_a_task() -> None:
    """Depth counts ancestors: a root has none. Above are the agents of these."""
    spec = TaskSpec(
        id=TaskId("c_00_b"),
        path=(TaskId("t_00_a"), TaskId("c_00_b")),
        actors=("parent", "child"),
        issuers=("https://issuer.example", "https://issuer.example"),
        name="part",
        tenant="acme",
        agent="child",
        opener="agent:parent",
        opener_issuer="https://issuer.example",
        opener_instance="pod-1",
        on_behalf_of="alice",
        ceiling=(Ceiling("orders-api", frozenset()),),
        tickets=("OPS-1",),
        resources=("dataset:orders",),
        idle_ms=1,
        opener_timeout_ms=0,
        max_deadline_ms=1,
    )

    assert TaskFacts.of(spec) == TaskFacts(
        id="c_00_b",
        name="part",
        tenant="acme",
        agent="child",
        opener="agent:parent",
        on_behalf_of="alice",
        tickets=("OPS-1",),
        resources=("dataset:orders",),
        depth=1,
        above=("parent",),
    )


def test_only_credential_actions_are_about_a_capability() -> None:
    """The others are about the task's agent."""
    assert [action for action in Action if action.is_about_credential] == [
        Action.REQUEST_CREDENTIAL,
        Action.RENEW_CREDENTIAL,
        Action.BREAK_GLASS,
        Action.LEND_RIGHT,
    ]
