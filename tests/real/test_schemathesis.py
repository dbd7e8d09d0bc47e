"""Made-up requests find no failure of the broker's own, and no answer that is not declared."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from broker.client.api_errors import AccessRefusedError
from broker.dev.passports import Identity
from broker.model.principal import Kind
from tests.chaos.cast import Cast, Held
from tests.chaos.world import ORDERS, Caller, World, open_world
from tests.real.fuzzing import ENDLESS, Fuzzer

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

CALLERS: Final = {
    "agent": Identity(Kind.AGENT, "invoice-bot", "acme", "pod-1"),
    "orchestrator": Identity(Kind.ORCHESTRATOR, "ci-orchestrator", "", "ci-1"),
    "resource": Identity(Kind.RESOURCE, ORDERS, "", "i-1"),
    "operator": Identity(Kind.OPERATOR, "alice", "", "console-1"),
    "operator of every tenant": Identity(Kind.OPERATOR, "root-operator", "", "console-2"),
}

TOGETHER: Final = (
    ("agent", "orchestrator", "resource"),
    ("operator",),
    ("operator of every tenant",),
)
"""Who share an installation. An operator has one alone, for it may take everything away."""

SECONDS: Final = 1
"""How long a poll may wait here; tests/http/test_waiting.py has the longer ones."""

OF_OPERATORS: Final = {
    "POST /v1/revocations": "200",
    "GET /v1/revocations": "200",
    "GET /v1/revocations/{revocation}": "200",
    "GET /v1/revocations/{revocation}/report": "200",
    "POST /v1/selections": "201",
    "GET /v1/selections/{selection}": "200",
    "GET /v1/selections/{selection}/credentials": "200",
    "GET /v1/decisions/{decision}": "200",
    "GET /v1/agents/{agent}": "200",
    "GET /v1/cuts": "200",
}

REACHED: Final = {
    "agent": {
        "GET /v1/tasks/{task}": "200",
        "POST /v1/tasks/{task}/credentials": "201",
        "GET /v1/credentials/{credential}": "200",
    },
    "orchestrator": {"POST /v1/tasks": "201", "GET /v1/tasks/{task}/report": "200"},
    "resource": {"POST /oauth/introspect": "200"},
    "operator": OF_OPERATORS,
    "operator of every tenant": OF_OPERATORS
    | {"GET /v1/revisions/{revision}": "200", "GET /v1/keys": "200"},
}
"""For some operations of each caller, what shows that requests got further than to a refusal."""


@pytest_asyncio.fixture
async def cast() -> AsyncIterator[Cast]:
    """An installation whose broker is ready."""
    async with open_world() as world:
        await world.slots[0].start()
        yield Cast(world)


async def published(world: World) -> dict[str, Any]:
    """Read the contract that the broker serves."""
    async with world.session.get(f"{world.slots[0].url}/v1/openapi.json") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def furnish(cast: Cast, contract: dict[str, Any], who: Caller) -> None:
    """Write things that there are into a contract's paths, and bound how long a poll takes."""
    tasks, held = await _tasks(cast)
    operator = who if who.identity.kind is Kind.OPERATOR else cast.world.caller(CALLERS["operator"])
    known = {
        "credential": [held.credential],
        "agent": ["invoice-bot"],
        "revision": ["1"],
        "decision": [await _refused(cast, tasks["get"])],
        **await _orders(cast, operator),
    }
    for path, methods in contract["paths"].items():
        ending = path.endswith(("/complete", "/fail", "/cancel"))
        for method, operation in methods.items():
            task = tasks["ended" if method == "get" else "doomed" if ending else "get"]
            for parameter in operation.get("parameters", ()):
                names = known | {"task": [task]}
                if parameter["in"] == "path" and parameter["name"] in names:
                    parameter["schema"] = {"enum": names[parameter["name"]], "type": "string"}
                if parameter["name"] == "wait":
                    parameter["schema"]["maximum"] = SECONDS
    _examples(contract, "/oauth/introspect", [{"token": held.token}])
    bodies = [{"set": digest, "reason": "made up"} for digest in known["selection"]]
    _examples(contract, "/v1/revocations", [{"agent": "report-bot", "reason": "x"}, *bodies])


def _examples(contract: dict[str, Any], path: str, bodies: list[dict[str, str]]) -> None:
    """Give a POST these bodies as its examples."""
    for content in contract["paths"][path]["post"]["requestBody"]["content"].values():
        content.pop("example", None)
        content["examples"] = {f"e{n}": {"value": body} for n, body in enumerate(bodies)}


async def _tasks(cast: Cast) -> tuple[dict[str, str], Held]:
    """Open a task that lives, one that is to be ended and one that has; issue in the first."""
    lives, doomed, ended = [(await cast.open()).id for _ in range(3)]
    held = await cast.issue(lives)
    await cast.issue_both(ended)
    await cast.orchestrator.client.tasks.complete(ended)
    return {"get": lives, "doomed": doomed, "ended": ended}, held


async def _refused(cast: Cast, task: str) -> str:
    """Ask for more than the ceiling has; return the decision."""
    with pytest.raises(AccessRefusedError) as refused:
        await cast.agent.client.credentials.issue(task, "orders-api", scopes=("orders:write",))
    return refused.value.decision


async def _orders(cast: Cast, operator: Caller) -> dict[str, list[str]]:
    """Give an order on a task, a cut and one on a set; pick a set that is still to die."""
    calls = operator.at(cast.url).operator
    killed, picked, left = [(await cast.open()).id for _ in range(3)]
    for task in (killed, picked, left):
        await cast.issue_both(task)
    digest = (await calls.select({"task": picked})).digest
    selectors = ({"task": killed}, {"capability": "never-issued"}, {"set": digest})
    orders = [await calls.revoke(selector, reason="furniture") for selector in selectors]
    return {
        "revocation": [order.id for order in orders],
        "selection": [(await calls.select({"task": left})).digest],
    }


@pytest.mark.parametrize("names", TOGETHER, ids=" and ".join)
async def test_nothing_fails_and_nothing_is_undeclared(
    cast: Cast, part: Callable[[str], Path], tmp_path: Path, names: tuple[str, ...]
) -> None:
    """For every kind of caller on every route but the endless one; the same requests each time."""
    world = cast.world
    fuzzer = Fuzzer(part("schemathesis").parents[2], tmp_path, world.slots[0])
    for name in names:
        who = world.caller(CALLERS[name])
        contract = await published(world)
        await furnish(cast, contract, who)
        labels = {f"{m.upper()} {p}" for p, found in contract["paths"].items() for m in found}

        outcome = await fuzzer.run(who, contract)

        assert outcome.code == 0, f"as {name}: {outcome.told[-12_000:]}"
        assert set(outcome.answers) == labels - {f"GET {ENDLESS}"}, name
        for label, status in REACHED[name].items():
            assert status in outcome.answers[label], (name, label, outcome.answers[label])


async def test_an_undeclared_answer_is_found(
    cast: Cast, part: Callable[[str], Path], tmp_path: Path
) -> None:
    """Judged by a contract that lacks one."""
    world = cast.world
    packages = part("schemathesis").parents[2]
    fuzzer = Fuzzer(packages, tmp_path, world.slots[0], only=("showTask",))
    agent: Caller = world.caller(CALLERS["agent"])
    contract = await published(world)

    assert (await fuzzer.run(agent, contract)).code == 0
    del contract["paths"]["/v1/tasks/{task}"]["get"]["responses"]["404"]
    outcome = await fuzzer.run(agent, contract)

    assert outcome.code == 1
    assert "Undocumented status code" in outcome.told
