"""A whole broker whose decisions a server makes."""

from pathlib import Path
from typing import Any

import structlog

from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.engine_server import PERMIT, authzen, opa, serving
from tests.fakes.world import World

READS = {"result": PERMIT | {"obligations": {"max_ttl_seconds": 90}, "policies": ["reads"]}}


async def restart(world: World, settings: Any) -> None:
    """Let a server decide from now on."""
    await world.stop()
    await world.start(policy=settings)


async def test_a_server_decides_and_its_obligations_bind(world: World) -> None:
    """Not the published policies, which would refuse this."""
    async with serving(lambda _: READS) as server:
        await restart(world, opa(server.url))
        task = await world.open()
        issued = await world.issue(task["id"])
        lease = next(value for key, value in world.dump().items() if key.endswith(issued["id"]))

        asked = server.asked[-1]["input"]
        assert (asked["action"], asked["task"]["id"]) == ("RequestCredential", task["id"])
        assert issued["expires_in"] <= 90
        assert '"policies":["reads"]' in str(lease)
        assert '"policy_version":"opa:' in str(lease)


async def test_a_refusal_of_the_servers_is_told_to_operators(world: World) -> None:
    """By its rules; the caller learns an id."""

    def say(asked: Any) -> Any:
        if asked["input"]["action"] == "OpenTask":
            return READS
        return {"result": {"allow": False, "obligations": {}, "policies": ["freeze"]}}

    async with serving(say) as server:
        await restart(world, opa(server.url))
        refused = await world.ask((await world.open())["id"])
        seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body

    assert refused.status == 403
    assert "freeze" not in str(refused.body)
    assert (seen["reason"], seen["trace"]["policies"]) == ("forbidden", ["freeze"])
    assert seen["explanation"]["determining"] == ["freeze"]


async def test_without_an_answer_nothing_is_given_and_everything_is_taken(
    world: World, tmp_path: Path
) -> None:
    """I5: what failed is recorded, the token that we show is nowhere; ending needs no engine."""
    (tmp_path / "token").write_text("s3cret-of-the-engine")
    with structlog.testing.capture_logs() as logs:
        async with serving(lambda _: READS) as server:
            await restart(world, opa(server.url, token_file=tmp_path / "token"))
            task = await world.open()
            issued = await world.issue(task["id"])
            assert server.shown[-1]["Authorization"] == "Bearer s3cret-of-the-engine"

        refused = await world.ask(task["id"], AGENT)
        seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body
        await world.end(task["id"])

    assert refused.status == 403
    assert seen["reason"] == "engine-error"
    assert seen["trace"]["errors"] == ["no answer: ClientConnectorError"]
    assert not await world.is_active(issued["access_token"])
    everything = f"{logs} {seen} {world.dump()} {refused.body}"
    assert "s3cret" not in everything


async def test_a_server_of_authzen_decides(world: World) -> None:
    """Any of the standard: a bare yes is a permit that narrows nothing more."""

    def say(asked: Any) -> Any:
        return {"decision": asked["subject"]["id"] in {"ci-orchestrator", "invoice-bot"}}

    async with serving(say) as server:
        await restart(world, authzen(server.url))
        task = await world.open()
        assert (await world.issue(task["id"]))["expires_in"] > 90

        server.say = lambda _: {"decision": False}
        assert (await world.ask(task["id"])).status == 403


async def test_the_gate_and_the_brokers_own_rules_stand_before_any_server(world: World) -> None:
    """A server that permits all does not permit what lies beyond the task's ceiling."""
    async with serving(lambda _: READS) as server:
        await restart(world, opa(server.url))
        task = await world.open()

        beyond = await world.ask(task["id"], scopes=["orders:write"])

        assert (beyond.status, beyond.code) == (403, "access-denied")
