"""A11, I6, I16: every route for every caller. Whatever is not one's own is as absent as nothing.

Two tasks are looked at: a root task, and a child of it that the root's agent opened for another
agent. Each route is asked by everybody about either, and about ids that never were.
"""

from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    OTHER_ORCHESTRATOR,
    REPORTER,
    ROOT_OPERATOR,
    STOCK_AGENT,
    STOCK_OPERATOR,
    STOCK_ORCHESTRATOR,
    Who,
)
from tests.fakes.notes import but_for_notes
from tests.fakes.world import Answer, World, issue_body, task_body

CALLERS: Final = {
    "root's agent": AGENT,
    "root's agent, other instance": AGENT.at("pod-2"),
    "child's agent": HELPER,
    "child's agent, other instance": HELPER.at("pod-2"),
    "other agent": REPORTER,
    "opener": ORCHESTRATOR,
    "opener, other copy": ORCHESTRATOR.at("ci-2"),
    "other orchestrator": OTHER_ORCHESTRATOR,
    "operator": OPERATOR,
    "operator of all": ROOT_OPERATOR,
    "other tenant's agent": STOCK_AGENT,
    "other tenant's orchestrator": STOCK_ORCHESTRATOR,
    "other tenant's operator": STOCK_OPERATOR,
    "resource server": ORDERS,
    "nobody": None,
}

OPENERS: Final = {"opener", "opener, other copy"}
OPERATORS: Final = {"operator", "operator of all"}


@dataclass(frozen=True)
class Route:
    """How something is asked, and whose question about the root or the child is heard."""

    method: str
    path: str
    root: frozenset[str]
    child: frozenset[str]
    body: Any = None


def _route(method: str, path: str, root: set[str], child: set[str], body: Any = None) -> Route:
    return Route(method, path, frozenset(root), frozenset(child), body)


ROOT_LOOKERS: Final = {"root's agent"} | OPENERS | OPERATORS
CHILD_LOOKERS: Final = {"child's agent", "root's agent"} | OPERATORS
ROOT_PARTIES: Final = {"root's agent"} | OPENERS
CHILD_PARTIES: Final = {"child's agent", "root's agent"}
_AT: Final = "2027-01-15T08:00:00Z"
USES: Final = {"uses": [{"outcome": "answered", "times": 1, "first_at": _AT, "last_at": _AT}]}

ROUTES: Final = {
    "show task": _route("GET", "/v1/tasks/{task}", ROOT_LOOKERS, CHILD_LOOKERS),
    "report": _route("GET", "/v1/tasks/{task}/report", ROOT_LOOKERS, CHILD_LOOKERS),
    "list credentials": _route("GET", "/v1/tasks/{task}/credentials", ROOT_LOOKERS, CHILD_LOOKERS),
    "show credential": _route("GET", "/v1/credentials/{lease}", ROOT_LOOKERS, CHILD_LOOKERS),
    "explain credential": _route(
        "GET", "/v1/credentials/{lease}/explanation", OPERATORS, OPERATORS
    ),
    "claim": _route("POST", "/v1/tasks/{task}/claim", set(), set(), {"handle": "a" * 26}),
    "heartbeat": _route("POST", "/v1/tasks/{task}/heartbeat", ROOT_PARTIES, CHILD_PARTIES),
    "say uses": _route("POST", "/v1/tasks/{task}/uses", {"root's agent"}, {"child's agent"}, USES),
    "show uses": _route("GET", "/v1/tasks/{task}/uses", ROOT_LOOKERS, CHILD_LOOKERS),
    "extend": _route(
        "POST", "/v1/tasks/{task}/extend", ROOT_PARTIES, CHILD_PARTIES, {"ttl_seconds": 60}
    ),
    "complete": _route("POST", "/v1/tasks/{task}/complete", ROOT_PARTIES, CHILD_PARTIES),
    "fail": _route("POST", "/v1/tasks/{task}/fail", ROOT_PARTIES, CHILD_PARTIES, {}),
    "cancel": _route(
        "POST", "/v1/tasks/{task}/cancel", ROOT_PARTIES | OPERATORS, CHILD_PARTIES | OPERATORS
    ),
    "delegate": _route(
        "POST",
        "/v1/tasks",
        ROOT_PARTIES,
        CHILD_PARTIES,
        task_body(parent="{task}", agent="report-bot"),
    ),
    "issue": _route(
        "POST", "/v1/tasks/{task}/credentials", {"root's agent"}, {"child's agent"}, issue_body()
    ),
    "renew": _route(
        "POST",
        "/v1/credentials/{lease}/renew",
        {"root's agent"},
        {"child's agent"},
        {"ttl_seconds": 400},
    ),
    "give back": _route("DELETE", "/v1/credentials/{lease}", {"root's agent"}, {"child's agent"}),
    "revoke task": _route(
        "POST", "/v1/revocations", OPERATORS, OPERATORS, {"task": "{task}", "reason": "x"}
    ),
    "revoke credential": _route(
        "POST", "/v1/revocations", OPERATORS, OPERATORS, {"credential": "{lease}", "reason": "x"}
    ),
    "select": _route("POST", "/v1/selections", OPERATORS, OPERATORS, {"task": "{task}"}),
}

REFUSED_BY_KIND: Final = {"explain credential", "revoke task", "revoke credential", "select"}
"""Routes for operators only: others are refused (403) before anything is looked up."""

REFUSED_BY_POLICY: Final = {
    *(("delegate", name, 0) for name in OPENERS),
    ("extend", "root's agent", 1),
}
"""Whose own it is, but the shipped policies do not permit it."""

MISSING: Final = {"task": f"t_00_{'a' * 26}", "lease": f"l_00_{'a' * 26}"}


class Scene:
    """A root, its child, a credential in each."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def prepare(self) -> tuple[dict[str, str], dict[str, str]]:
        """Make a new one."""
        root = await self.world.open(tickets=["OPS-1"])
        child = (await self.world.delegate(root["id"])).body
        above = await self.world.issue(root["id"])
        below = await self.world.issue(child["id"], HELPER)
        return (
            {"task": root["id"], "lease": above["id"]},
            {"task": child["id"], "lease": below["id"]},
        )


async def ask(world: World, route: Route, name: str, ids: dict[str, str]) -> Answer:
    """Let a caller ask about a task."""
    body = _filled(route.body, ids)
    return await world.call(CALLERS[name], route.method, route.path.format(**ids), body)


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return value.format(**ids)
    if isinstance(value, dict):
        return {key: _filled(member, ids) for key, member in value.items()}
    return value


@pytest.mark.parametrize("name", ROUTES)
async def test_what_is_not_ones_own_is_absent(world: World, name: str) -> None:
    """The same status and the same bytes as for an id that never was, and nothing has changed.

    But for a note of the instances that knocked.
    """
    route = ROUTES[name]
    root, child = await Scene(world).prepare()
    await world.settle()
    before = but_for_notes(world)

    for caller in CALLERS:
        absent = await ask(world, route, caller, MISSING)
        for ids, heard in ((root, route.root), (child, route.child)):
            if caller in heard:
                continue
            answer = await ask(world, route, caller, ids)
            assert (answer.status, answer.raw) == (absent.status, absent.raw), (caller, ids)
            assert answer.status == _refusal(name, caller), (caller, answer.raw)

    assert but_for_notes(world) == before


def _refusal(name: str, caller: str) -> int:
    if caller == "nobody":
        return 401
    is_operator = "operator" in caller
    return 403 if name in REFUSED_BY_KIND and not is_operator else 404


@pytest.mark.parametrize("name", ROUTES)
async def test_whose_own_it_is_gets_through(world: World, name: str) -> None:
    """Each of them, on a scene of its own."""
    route = ROUTES[name]

    for heard, which in ((route.root, 0), (route.child, 1)):
        for caller in sorted(heard):
            ids = (await Scene(world).prepare())[which]
            answer = await ask(world, route, caller, ids)
            if (name, caller, which) in REFUSED_BY_POLICY:
                assert (answer.status, answer.code) == (403, "access-denied")
            else:
                assert answer.status in (200, 201), (caller, answer.raw)


@pytest.mark.parametrize(
    "name",
    ["show task", "report", "list credentials", "show credential", "explain credential"],
)
async def test_a_public_answer_never_depends_on_the_kind_of_absence(
    world: World, name: str
) -> None:
    """Absent in a bucket that exists, in one that does not, a child or a root: all alike."""
    route = ROUTES[name]
    words = [
        {"task": f"{kind}_{bucket}_{'b' * 26}", "lease": f"l_{bucket}_{'b' * 26}"}
        for kind in "tc"
        for bucket in ("00", "0f", "10", "ff")
    ]

    answers = [await ask(world, route, "operator of all", ids) for ids in words]

    assert {answer.status for answer in answers} == {404}
    assert len({answer.raw for answer in answers}) == 1


async def test_a_refusal_without_a_decision_sends_nobody_to_look_one_up(world: World) -> None:
    """A kind of caller that a route is not for gets no promise of an explanation."""
    answer = await world.get(AGENT, "/v1/agents")

    assert (answer.status, answer.code) == (403, "access-denied")
    assert "decision" not in answer.raw.decode()


async def test_operators_alone_look_decisions_up(world: World) -> None:
    """Of their own tenants; a foreign one is as absent as one that never was."""
    task = await world.open()
    refused = await world.ask(task["id"], scopes=["orders:write"])
    path = f"/v1/decisions/{refused['decision']}"
    absent = f"/v1/decisions/d_00_{'a' * 26}"

    seen = {name: (await world.get(who, path)).status for name, who in CALLERS.items()}

    allowed = {name for name, status in seen.items() if status == 200}
    assert allowed == OPERATORS
    assert seen["nobody"] == 401
    foreign = await world.get(STOCK_OPERATOR, path)
    assert (foreign.status, foreign.raw) == (404, (await world.get(STOCK_OPERATOR, absent)).raw)
    own = await world.get(AGENT, path)
    assert (own.status, own.raw) == (403, (await world.get(AGENT, absent)).raw)


async def test_resource_servers_alone_follow_the_feed(world: World) -> None:
    """And acknowledge; everybody else is refused alike."""
    ack = {"subscriber": "subscriber-1", "seq": 0}
    for name, who in CALLERS.items():
        if name in ("resource server", "nobody"):
            continue
        listening = await world.get(who, "/v1/feed?subscriber=subscriber-1")
        acknowledging = await world.post(who, "/v1/feed/ack", ack)
        assert (listening.status, acknowledging.status) == (403, 403), name
    assert (await world.get(None, "/v1/feed?subscriber=subscriber-1")).status == 401


async def test_nothing_but_health_keys_and_metadata_is_public(world: World) -> None:
    """A22, walked over the real route table."""
    public = {"/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"}
    public |= {"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}
    public |= {"/v1/openapi.json", "/problems/{problem}", "/.well-known/authzen-configuration"}
    signed = {
        "/v1/signals",
        "/v1/backchannel-logout",
        "/v1/ends/{orchestrator}",
    }  # what vouches for itself
    ids = {
        "task": MISSING["task"],
        "credential": MISSING["lease"],
        "revocation": f"r_00_{'a' * 26}",
        "decision": f"d_00_{'a' * 26}",
        "approval": f"a_00_{'a' * 26}",
        "selection": "ab" * 32,
        "finding": f"f_00_{'a' * 26}",
        "problem": "not-found",
        "revision": "1",
        "agent": "invoice-bot",
        "orchestrator": "ci-orchestrator",
        "kind": "agent",
        "tenant": "acme",
        "name": "invoice-bot",
        "review": f"v_00_{'a' * 26}",
        "glass": f"g_00_{'a' * 26}",
    }

    for method, template in world.routes():
        answer = await world.call(None, method, template.format(**ids))
        expected = 200 if template in public else 401
        if template in signed:
            expected = 415  # and none is sent
        assert answer.status == expected, (method, template)


async def test_whoever_is_not_registered_is_nobody(world: World) -> None:
    """A well-signed token of a declared issuer that names a stranger, or another tenant."""
    strangers = [
        Who(AGENT.kind, "no-such-bot", "acme"),
        Who(AGENT.kind, "invoice-bot", "globex"),
        Who(AGENT.kind, "alice", "acme"),
        Who(OPERATOR.kind, "invoice-bot", "acme"),
        Who(OPERATOR.kind, "mallory", "acme"),
        Who(OPERATOR.kind, "alice", "globex"),
        Who(ORCHESTRATOR.kind, "ci-orchestrator", "globex"),
        Who(AGENT.kind, "invoice-bot", "acme", issuer="https://stranger.example"),
    ]

    answers = [await world.get(who, "/v1/tasks") for who in strangers]

    assert {answer.status for answer in answers} == {401}
    assert len({answer.raw for answer in answers}) == 1
