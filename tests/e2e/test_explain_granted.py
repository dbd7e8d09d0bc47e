"""What an operator learns of a credential that was granted: by what, and whether it still would."""

from typing import Any

from tests.e2e.test_reevaluation import ended_by
from tests.fakes.cast import AGENT, OPERATOR, SMALL, STOCK_OPERATOR
from tests.fakes.world import Answer, World

NO_READING = """\
@id("world-stops-reading")
forbid (principal is Agent, action, resource is Capability)
when { context.scopes.contains("orders:read") };
"""


async def explained(world: World, credential: str) -> dict[str, Any]:
    """Ask why it was granted."""
    answer = await world.get(OPERATOR, f"/v1/credentials/{credential}/explanation")
    assert answer.status == 200, answer.raw
    body: dict[str, Any] = answer.body
    return body


async def hold(world: World, op: str = "hold") -> Answer:
    """Hold the agent, or lift that."""
    change = {"op": op, "tenant": "acme", "ref": "agent:invoice-bot"}
    return await world.post(OPERATOR, "/v1/facts/changes", {"reason": "x", "changes": [change]})


async def test_what_lives_is_told_by_what_it_was_granted(world: World) -> None:
    """The request and the policies as recorded; the answer of now is the same."""
    task = await world.open()
    credential = await world.issue(task["id"])

    seen = await explained(world, credential["id"])

    assert (seen["credential"], seen["tenant"]) == (credential["id"], "acme")
    assert (seen["state"], seen["alive"], seen["ended_by"]) == ("active", True, "")
    assert seen["request"]["principal"] == "agent:invoice-bot"
    assert (seen["request"]["task"], seen["request"]["scopes"]) == (task["id"], ["orders:read"])
    assert seen["trace"]["facts_revision"] == 1
    assert seen["trace"]["policies"] == seen["explanation"]["determining"]
    assert (seen["granted_now"], seen["no_longer"]) == (True, None)
    assert seen["explanation"]["outcome"] == "permit"
    assert seen["counterfactuals"] is None
    assert "why" not in seen
    assert seen["used"] == {"seen_at": None, "said_times": 0, "said_at": None}


async def test_what_is_known_of_its_use_is_told_apart(world: World) -> None:
    """What a resource server saw, and what the agent's own side says."""
    task = await world.open()
    credential = await world.issue(task["id"])
    at = "2027-01-15T08:00:00Z"
    use = {"outcome": "answered", "times": 12, "first_at": at, "last_at": at}
    said = {"uses": [{**use, "credential": credential["id"]}]}
    assert (await world.post(AGENT, f"/v1/tasks/{task['id']}/uses", said)).status == 200
    by_word = (await explained(world, credential["id"]))["used"]
    assert await world.is_active(credential["access_token"])

    seen = (await explained(world, credential["id"]))["used"]

    assert (by_word["seen_at"], by_word["said_times"]) == (None, 12)
    assert seen["seen_at"] is not None
    assert (seen["said_times"], seen["said_at"]) == (12, by_word["said_at"])


async def test_what_ended_because_of_a_change_says_so_then_and_now(world: World) -> None:
    """And what would turn it; after the change is taken back it would be granted again."""
    task = await world.open()
    credential = (await world.issue(task["id"]))["id"]
    assert (await hold(world)).status == 200
    assert await ended_by(world, credential) == "no-longer-granted"

    held = await explained(world, credential)
    assert (await hold(world, "lift")).status == 200
    await world.refresh()
    lifted = await explained(world, credential)

    assert (held["state"], held["ended_by"]) == ("ended", "no-longer-granted")
    assert (held["why"]["reason"], held["why"]["facts_revision"]) == ("agent-held", 1)
    assert (held["granted_now"], held["no_longer"]["reason"]) == (False, "agent-held")
    assert held["counterfactuals"]["sets"] == [["the hold on agent:invoice-bot is lifted"]]
    assert (held["explained_at_facts_revision"], lifted["explained_at_facts_revision"]) == (1, 2)
    assert lifted["explanation"]["graph_revision"] == 2
    assert (lifted["granted_now"], lifted["counterfactuals"]) == (True, None)
    assert lifted["why"] == held["why"]
    assert lifted["trace"] == held["trace"]


async def test_what_ended_for_another_reason_is_explained_as_well(world: World) -> None:
    """It was given back; its task has closed; policy has changed since."""
    task = await world.open()
    credential = (await world.issue(task["id"]))["id"]
    await world.call(AGENT, "DELETE", f"/v1/credentials/{credential}")
    await world.end(task["id"])
    world.config.write("policies/50-world.cedar", NO_READING)
    revision = await world.publish()

    seen = await explained(world, credential)

    assert (seen["ended_by"], "why" in seen) == ("given-back", False)
    assert (seen["granted_now"], seen["no_longer"]["reason"]) == (False, "forbidden")
    assert seen["no_longer"]["policies"] == ["world-stops-reading"]
    assert (seen["explained_at_revision"], seen["trace"]["facts_revision"]) == (revision, 1)


async def test_what_cannot_be_asked_any_more_says_why(world: World) -> None:
    """Nobody of that name may ask: there is nothing to put to policy."""
    task = await world.open(agent=SMALL.name)
    credential = (await world.ask(task["id"], SMALL))["id"]
    world.config.edit_agent(SMALL.name, status="retired")
    await world.publish()

    seen = await explained(world, credential)

    assert seen["granted_now"] is False
    assert seen["no_longer"]["missing"] == ["the agent is registered, and active"]
    assert (seen["explanation"], seen["counterfactuals"]) == (None, None)
    assert seen["request"]["principal"] == f"agent:{SMALL.name}"


async def test_a_narrower_answer_is_a_no_though_policy_permits(world: World) -> None:
    """There is nothing that would turn policy; the reason says what is narrower."""
    task = await world.open()
    credential = (await world.issue(task["id"], ttl_seconds=300))["id"]
    world.config.edit_capability("orders-api", max_ttl_seconds=60, default_ttl_seconds=60)
    await world.publish()

    seen = await explained(world, credential)

    assert (seen["granted_now"], seen["no_longer"]["reason"]) == (False, "shorter-now")
    assert seen["explanation"]["outcome"] == "permit"
    assert seen["counterfactuals"] is None


async def test_a_renewed_one_is_explained_by_its_renewal(world: World) -> None:
    """That is what gave it what it has."""
    task = await world.open()
    credential = (await world.issue(task["id"], ttl_seconds=60))["id"]
    renewed = await world.post(AGENT, f"/v1/credentials/{credential}/renew", {"ttl_seconds": 120})
    assert renewed.status == 201, renewed.raw

    seen = await explained(world, credential)

    assert (seen["request"]["action"], seen["request"]["ttl_ms"]) == ("RenewCredential", 120_000)
    assert seen["granted_now"] is True


async def test_only_operators_of_its_tenant_see_it(world: World) -> None:
    """To others it is what is not there; its holder is told no more than a stranger."""
    task = await world.open()
    credential = (await world.issue(task["id"], labels={"note": "canary-in-a-label"}))["id"]
    path, absent = (
        f"/v1/credentials/{each}/explanation" for each in (credential, f"l_00_{'a' * 26}")
    )

    for who, status in ((STOCK_OPERATOR, 404), (AGENT, 403)):
        seen = await world.get(who, path)
        assert (seen.status, seen.raw) == (status, (await world.get(who, absent)).raw)
    shown = await world.get(OPERATOR, path)
    assert (await world.get(OPERATOR, "/v1/credentials/l_1/explanation")).status == 400
    assert (await world.get(OPERATOR, absent)).status == 404
    assert "canary-in-a-label" not in shown.raw.decode()
