import pytest

from broker.policy.cedar_request import cedar_request
from broker.policy.query import Action
from tests.fakes.policy import PRINCIPAL, QUERY, in_task
from tests.fakes.replace import replace


def test_every_fact_has_its_place() -> None:
    """The whole question, field by field."""
    query = in_task(
        replace(QUERY, labels={"run": "7"}, principal=replace(PRINCIPAL, claims={"env": "prod"})),
        on_behalf_of="alice",
        tickets=("B", "A"),
        resources=("r",),
        depth=2,
    )

    assert cedar_request(query).to_json() == {
        "principal": {"type": "Agent", "id": "invoice-bot"},
        "action": {"type": "Action", "id": "RequestCredential"},
        "resource": {"type": "Capability", "id": "orders-api"},
        "context": {
            "task": {
                "id": "t_00_a",
                "name": "reconcile",
                "tenant": "acme",
                "agent": "invoice-bot",
                "opener": "orchestrator:ci",
                "onBehalfOf": "alice",
                "tickets": ["A", "B"],
                "resources": ["r"],
                "depth": 2,
            },
            "caller": {
                "issuer": "https://issuer.example",
                "subject": "invoice-bot",
                "instance": "pod-1",
                "claims": ["env=prod"],
            },
            "ceiling": {"capabilities": ["orders-api"], "grants": ["orders-api orders:read"]},
            "scopes": ["orders:read"],
            "ttlSeconds": 60,
            "labels": ["run=7"],
        },
    }


def test_what_is_not_known_is_absent() -> None:
    """Policies ask for it with ``has``; an empty text would look like a fact."""
    context = cedar_request(replace(QUERY, principal=replace(PRINCIPAL, instance=""))).context

    assert "onBehalfOf" not in context["task"]
    assert "instance" not in context["caller"]


@pytest.mark.parametrize(
    ("ttl_ms", "seconds"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (60_000, 60)]
)
def test_a_lifetime_never_looks_shorter_than_it_is(ttl_ms: int, seconds: int) -> None:
    """Milliseconds are rounded up."""
    assert cedar_request(replace(QUERY, ttl_ms=ttl_ms)).context["ttlSeconds"] == seconds


def test_an_action_on_a_task_is_on_its_agent() -> None:
    """The resource is the agent that works, or will work, on the task."""
    query = in_task(replace(QUERY, action=Action.DELEGATE_TASK, capability=None), agent="helper")

    assert cedar_request(query).resource.to_json() == {"type": "Agent", "id": "helper"}
