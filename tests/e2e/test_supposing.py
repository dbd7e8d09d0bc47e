"""`POST /v1/explain`: what policy would say to a request that nobody has made."""

from typing import Any

import pytest

from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.world import World

READ = {
    "action": "RequestCredential",
    "tenant": "acme",
    "agent": "invoice-bot",
    "capability": "orders-api",
    "scopes": ["orders:read"],
}
BOTH = READ | {"scopes": ["orders:read", "orders:write"]}


async def ask(world: World, **changes: object) -> Any:
    """Suppose it, as an operator of acme."""
    return await world.call(OPERATOR, "POST", "/v1/explain", READ | changes)


async def test_a_supposed_request_is_answered_and_leaves_nothing_behind(world: World) -> None:
    """With the policy that says so, and what would take it away."""
    answer = await ask(world)

    assert answer.status == 200
    assert answer["explanation"]["outcome"] == "permit"
    assert answer["explanation"]["determining"] == ["agents-read"]
    assert answer["counterfactuals"]["to"] == "deny"
    assert await world.told("decision.denied") == 0


async def test_a_refusal_says_what_would_turn_it(world: World) -> None:
    """Each set by itself, judged by the engine."""
    answer = await ask(world, scopes=["orders:read", "orders:write"])

    assert answer["explanation"]["reason"] == "no-permit"
    assert ["ask without the scope orders:write"] in answer["counterfactuals"]["sets"]
    with_ticket = await ask(world, scopes=BOTH["scopes"], tickets=["OPS-1"])
    assert with_ticket["explanation"]["outcome"] == "permit"


async def test_tasks_can_be_supposed_too(world: World) -> None:
    """By who would open them."""
    body = {
        "action": "OpenTask",
        "tenant": "acme",
        "agent": "invoice-bot",
        "caller": "ci-orchestrator",
        "caller_kind": "orchestrator",
    }

    answer = await world.call(OPERATOR, "POST", "/v1/explain", body)

    assert answer["explanation"]["determining"] == ["orchestrators-open-tasks"]


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": "globex"},
        {"tenant": "nowhere"},
        {"agent": "stock-bot"},
        {"agent": "nobody"},
        {"caller": "stock-bot"},
        {"caller": "nobody", "caller_kind": "orchestrator"},
        {"capability": "nothing"},
    ],
)
async def test_what_is_foreign_looks_as_if_it_were_not_there(
    world: World, changes: dict[str, object]
) -> None:
    """Tenants, agents, callers, capabilities (I16)."""
    assert (await ask(world, **changes)).status == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"action": "Fly"}, "action"),
        ({"action": "OpenTask"}, "capability"),
        ({"capability": None}, "capability"),
        ({"caller": "alice", "caller_kind": "operator"}, "caller_kind"),
        ({"caller": "a b"}, "caller"),
        ({"scopes": ["a b"]}, "scopes[0]"),
        ({"more": 1}, "more"),
    ],
)
async def test_what_makes_no_sense_names_its_field(
    world: World, changes: dict[str, object], field: str
) -> None:
    """Before anything is looked at."""
    answer = await ask(world, **changes)

    assert (answer.status, answer["field"]) == (400, field)


async def test_only_operators_may_suppose(world: World) -> None:
    """An agent would learn how policy is made."""
    assert (await world.call(AGENT, "POST", "/v1/explain", READ)).status == 403
