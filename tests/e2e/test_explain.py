"""What an operator learns of a refusal, and what its caller does not."""

from tests.fakes.cast import AGENT, HELPER, OPERATOR, ORCHESTRATOR, ROOT_OPERATOR, STOCK_OPERATOR
from tests.fakes.world import World, task_body

WRITE = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]
REPORT = [{"capability": "reports-read", "scopes": ["reports:read"]}]


async def test_an_operator_sees_who_asked_for_what_and_what_was_missing(world: World) -> None:
    """The request, the policies that were considered, the condition that did not hold."""
    task = await world.open(ceiling=WRITE)
    refused = await world.ask(task["id"], scopes=["orders:write"])

    seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body

    assert (seen["outcome"], seen["reason"]) == ("deny", "no-permit")
    assert seen["request"]["principal"] == "agent:invoice-bot"
    assert seen["request"]["task"] == task["id"]
    assert seen["request"]["scopes"] == ["orders:write"]
    considered = {each["policy"]: each for each in seen["explanation"]["considered"]}
    failing = [
        c["text"] for c in considered["agents-write-with-ticket"]["conditions"] if not c["holds"]
    ]
    assert failing == ["context.task.tickets.isEmpty()"]
    assert "context.task.tickets.isEmpty()" in str(seen["trace"]["missing"])
    assert seen["trace"]["facts_revision"] == 1


async def test_a_forbid_is_named(world: World) -> None:
    """The policy that said no, by its own name."""
    task = await world.open(agent="helper-bot", ceiling=REPORT)
    refused = await world.ask(
        task["id"], HELPER, capability="reports-read", scopes=["reports:read"]
    )

    seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body

    assert seen["reason"] == "forbidden"
    assert seen["trace"]["policies"] == ["high-risk-agents-stay-off-restricted-data"]


async def test_the_brokers_own_refusals_are_explained_too(world: World) -> None:
    """Beyond the ceiling, wider than the parent: rules that no policy can change."""
    task = await world.open()
    beyond = await world.ask(task["id"], scopes=["orders:write"])
    wider = await world.delegate(task["id"], ceiling=WRITE)

    seen = [
        (await world.get(OPERATOR, f"/v1/decisions/{each['decision']}")).body
        for each in (beyond, wider)
    ]

    assert [each["reason"] for each in seen] == ["beyond-ceiling", "wider-than-parent"]
    assert all(each["trace"]["missing"] for each in seen)


async def test_a_refused_opening_is_explained(world: World) -> None:
    """There is no task yet; its name and agent tell which it was."""
    refused = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(agent="nobody"))

    seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body

    assert seen["request"]["action"] == "OpenTask"
    assert (seen["request"]["task"], seen["request"]["agent"]) == ("", "nobody")
    assert seen["request"]["task_name"] == "reconcile-invoices"


async def test_the_caller_learns_only_that_it_may_not(world: World) -> None:
    """Neither policies nor conditions nor facts; every refusal looks alike but for its number."""
    task = await world.open(ceiling=WRITE)
    other = await world.open(agent="helper-bot", ceiling=REPORT)
    answers = [
        await world.ask(task["id"], scopes=["orders:write"]),
        await world.ask(task["id"], capability="reports-read", scopes=["reports:read"]),
        await world.ask(other["id"], HELPER, capability="reports-read", scopes=["reports:read"]),
        await world.delegate(task["id"], tickets=["OPS-9"]),
    ]

    shown = [{**answer.body, "decision": ""} for answer in answers]

    assert all(each == shown[0] for each in shown)
    assert {answer.status for answer in answers} == {403}


async def test_explaining_uses_what_is_published_now_and_says_so(world: World) -> None:
    """The record keeps what was decided then; the explanation is by today's revision."""
    task = await world.open(ceiling=WRITE)
    refused = await world.ask(task["id"], scopes=["orders:write"])
    permit = """
@id("anybody-writes")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant };
"""
    world.config.write("policies/50-world.cedar", permit)
    revision = await world.publish()

    seen = (await world.get(ROOT_OPERATOR, f"/v1/decisions/{refused['decision']}")).body

    assert seen["outcome"] == "deny"
    assert seen["explanation"]["outcome"] == "permit"
    assert seen["explained_at_revision"] == revision
    assert seen["trace"]["facts_revision"] == 1


async def test_a_looping_agent_fills_no_trail(world: World) -> None:
    """A hundred recorded refusals a minute; beyond that it is refused all the same."""
    task = await world.open()

    answers = [await world.ask(task["id"], scopes=["orders:write"]) for _ in range(120)]
    other = await world.open(agent="helper-bot", ceiling=REPORT)
    refused = await world.ask(
        other["id"], HELPER, capability="reports-read", scopes=["reports:read"]
    )

    assert {answer.status for answer in answers} == {403}
    assert await world.told("decision.denied") == 101
    assert (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).status == 200
    late = await world.get(OPERATOR, f"/v1/decisions/{answers[-1]['decision']}")
    assert late.status == 404


async def test_the_secret_part_of_a_question_is_not_in_the_audit_trail(world: World) -> None:
    """Labels and claims are the caller's own words: kept for operators, not for the trail."""
    task = await world.open(ceiling=WRITE)
    await world.ask(task["id"], scopes=["orders:write"], labels={"note": "canary-in-a-label"})

    await world.settle()
    await world.until_logged(world.config.settings().audit.file, "decision.denied")

    assert "canary-in-a-label" not in world.config.settings().audit.file.read_text()
    assert (await world.get(AGENT, f"/v1/tasks/{task['id']}")).status == 200


async def test_another_tenants_agent_is_explained_as_nobody_is(world: World) -> None:
    """I16: its record, its teams and whether it is held are told in its own tenant only."""
    told = []
    for agent in ("no-such-bot", "stock-bot"):
        refused = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(agent=agent))
        seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")).body
        parts = (seen["reason"], seen["trace"], seen["explanation"], seen["counterfactuals"])
        told.append(str(parts).replace(agent, "BOT"))

    assert told[0] == told[1]
    assert "Agent::" not in told[1].replace('Agent::"BOT"` does not exist', "")


async def test_what_becomes_of_another_tenants_agent_is_not_explained(world: World) -> None:
    """A hold on it makes no difference to those who operate where it was refused."""
    refused = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(agent="stock-bot"))
    path = f"/v1/decisions/{refused['decision']}"
    before = (await world.get(OPERATOR, path)).body
    hold = {"op": "hold", "tenant": "globex", "ref": "agent:stock-bot"}
    done = await world.post(
        STOCK_OPERATOR, "/v1/facts/changes", {"reason": "odd", "changes": [hold]}
    )

    after = (await world.get(OPERATOR, path)).body

    assert done.status == 200
    # By which revision it is told is no secret: every list of facts says which one stands.
    assert before["explanation"] | {"graph_revision": 1} == after["explanation"]
