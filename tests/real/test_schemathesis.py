"""Made-up requests find no failure of the broker's own, and no answer that is not declared."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from broker.dev.passports import Identity
from broker.model.principal import Kind
from tests.chaos.cast import Cast
from tests.chaos.world import ORDERS, Caller, World, open_world
from tests.real.fuzzing import ENDLESS, Fuzzer

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

CALLERS: Final = {
    "agent": Identity(Kind.AGENT, "invoice-bot", "acme", "pod-1"),
    "orchestrator": Identity(Kind.ORCHESTRATOR, "ci-orchestrator", "", "ci-1"),
    "resource": Identity(Kind.RESOURCE, ORDERS, "", "i-1"),
    "operator": Identity(Kind.OPERATOR, "alice", "", "console-1"),
}
"""The operator comes last, because it may take everything away from the others."""

SECONDS: Final = 1
"""How long a poll may wait here; tests/http/test_waiting.py has the longer ones."""

REACHED: Final = {
    "agent": {
        "GET /v1/tasks/{task}": "200",
        "POST /v1/tasks/{task}/credentials": "201",
        "GET /v1/credentials/{credential}": "200",
    },
    "orchestrator": {"POST /v1/tasks": "201", "GET /v1/tasks/{task}/report": "200"},
    "resource": {"POST /oauth/introspect": "200"},
    "operator": {"POST /v1/revocations": "200", "GET /v1/agents/{agent}": "200"},
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


async def furnish(cast: Cast, contract: dict[str, Any]) -> None:
    """Write things that there are into a contract's paths, and bound how long a poll takes."""
    open_one, doomed, ended = [(await cast.open()).id for _ in range(3)]
    held = await cast.issue(open_one)
    await cast.orchestrator.client.tasks.complete(ended)
    known = {"credential": held.credential, "agent": "invoice-bot"}
    for path, methods in contract["paths"].items():
        task = doomed if path.endswith(("/complete", "/fail", "/cancel")) else open_one
        for method, operation in methods.items():
            names = known | {"task": ended if method == "get" else task}
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in names:
                    parameter["schema"] = {"enum": [names[parameter["name"]]], "type": "string"}
                if parameter["name"] == "wait":
                    parameter["schema"]["maximum"] = SECONDS
    body = contract["paths"]["/oauth/introspect"]["post"]["requestBody"]["content"]
    for content in body.values():
        content["example"] = {"token": held.token}


async def test_nothing_fails_and_nothing_is_undeclared(
    cast: Cast, part: Callable[[str], Path], tmp_path: Path
) -> None:
    """For every kind of caller on every route but the endless one; the same requests each time."""
    world = cast.world
    fuzzer = Fuzzer(part("schemathesis").parents[2], tmp_path, world.slots[0])
    contract = await published(world)
    await furnish(cast, contract)
    labels = {f"{m.upper()} {p}" for p, found in contract["paths"].items() for m in found}

    for name, identity in CALLERS.items():
        outcome = await fuzzer.run(world.caller(identity), contract)

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
