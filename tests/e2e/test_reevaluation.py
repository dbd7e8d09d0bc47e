"""A change of the bundle ends exactly the live credentials that would not be granted any more."""

import asyncio
import json

import pytest

from broker.facts.change import ChangeSet, HoldThing, PutThing
from broker.model.fact import Hold, Ref, Thing, ThingKind
from tests.e2e.test_facts import changes_at
from tests.fakes.cast import AGENT, HELPER, OPERATOR, ORCHESTRATOR, ROOT_OPERATOR, Who
from tests.fakes.scene import Scene
from tests.fakes.world import PATIENCE_S, World

REPORTER = Who(AGENT.kind, "report-bot", "acme", "pod-1")

FREEZE = """
@id("freeze")
forbid (principal, action, resource);
"""

NO_WRITING = """
@id("nobody-writes")
forbid (principal, action, resource is Capability)
when { context.scopes.contains("orders:write") };
"""

WRITE = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]


async def ended_by(world: World, lease: str) -> str:
    """Wait until a credential has ended by its own record, and say what ended it."""
    path = f"/v1/credentials/{lease}"
    async with asyncio.timeout(PATIENCE_S):
        while (  # noqa: ASYNC110 - what ends it is in Redis
            answer := await world.get(ROOT_OPERATOR, path)
        )["alive"]:
            await asyncio.sleep(0.02)
    return str(answer["ended_by"])


async def redecided(world: World) -> None:
    """Wait until every bucket was decided again by what is published."""
    redo = world.broker.ledger.redo
    async with asyncio.timeout(PATIENCE_S):
        for bucket in range(len(world.broker.ledger.keys.buckets)):
            while True:
                seen = await redo.view(bucket)
                if seen.redone == seen.floors:
                    break
                await asyncio.sleep(0.02)


async def test_a_suspended_agent_loses_what_it_holds_and_nobody_else_does(worlds: World) -> None:
    """With what it has handed on, at whichever broker; its sub-agent keeps what is its own."""
    scene = await Scene(worlds).prepare()
    worlds.config.edit_agent("invoice-bot", status="suspended")

    await worlds.publish(wait=False)
    await redecided(worlds)

    assert await scene.alive() == {"helper", "stock"}
    assert await ended_by(worlds, scene.ids["agent"]) == "no-longer-granted"


async def test_a_suspended_sub_agent_loses_what_it_was_handed(world: World) -> None:
    """In every task of its own, below whomever."""
    scene = await Scene(world).prepare()
    world.config.edit_agent("helper-bot", status="suspended")

    await world.publish()
    await redecided(world)

    assert await scene.alive() == {"agent", "legacy", "second", "stock"}


async def test_a_tighter_policy_ends_what_it_forbids(world: World) -> None:
    """And leaves what it does not speak of."""
    task = await world.open(ceiling=WRITE, tickets=["T-1"])
    written = await world.issue(task["id"], scopes=["orders:write"], ttl_seconds=60)
    read = await world.issue(task["id"], ttl_seconds=60)
    world.config.write("policies/50-world.cedar", NO_WRITING)

    await world.publish()
    await redecided(world)

    assert await ended_by(world, written["id"]) == "no-longer-granted"
    assert not await world.is_active(written["access_token"])
    assert await world.is_active(read["access_token"])


async def test_the_report_says_why_to_operators_only(world: World) -> None:
    """Which policy, by which revision; whoever holds it learns that it is dead."""
    task = await world.open(ceiling=WRITE, tickets=["T-1"])
    written = await world.issue(task["id"], scopes=["orders:write"], ttl_seconds=60)
    world.config.write("policies/50-world.cedar", NO_WRITING)
    revision = await world.publish()
    await redecided(world)
    path = f"/v1/tasks/{task['id']}/report"

    (shown,) = await world.receipts(OPERATOR, path)
    (told,) = await world.receipts(AGENT, path)

    assert shown["credential"] == written["id"]
    assert shown["why"] == {
        "reason": "forbidden",
        "policies": ["nobody-writes"],
        "missing": [],
        "gone": [],
        "revision": revision,
        "facts_revision": 0,
    }
    assert "why" not in told


async def test_the_trail_says_why(world: World) -> None:
    """Once for each: it has one end (I12)."""
    task = await world.open()
    await world.issue(task["id"])
    world.config.write("policies/50-world.cedar", FREEZE)
    await world.publish()
    await redecided(world)
    file = world.config.settings().audit.file

    await world.until_logged(file, "lease.ended")

    ends = [line for line in file.read_text().splitlines() if '"lease.ended"' in line]
    assert len(ends) == 1
    assert json.loads(ends[0])["why"] == {
        "reason": "forbidden",
        "policies": ["freeze"],
        "revision": 2,
    }


async def test_a_scope_that_is_gone_and_a_capability_that_is_gone(world: World) -> None:
    """Each takes along what has it."""
    task = await world.open(ceiling=WRITE, tickets=["T-1"])
    written = await world.issue(task["id"], scopes=["orders:write"], ttl_seconds=60)
    read = await world.issue(task["id"], ttl_seconds=60)
    world.config.edit_capability("orders-api", scopes=["orders:read"])
    await world.publish()
    await redecided(world)
    is_left = await world.is_active(read["access_token"])

    def drop(file: dict[str, list[dict[str, object]]]) -> None:
        file["capabilities"] = [c for c in file["capabilities"] if c["name"] != "orders-api"]

    world.config.edit("capabilities.yaml", drop)
    await world.publish()
    await redecided(world)

    assert is_left
    for each in (written, read):
        assert await ended_by(world, each["id"]) == "no-longer-granted"


async def test_another_data_class_is_asked_about_again(world: World) -> None:
    """A high risk stays off restricted data, whenever it became that."""
    scene = await Scene(world).prepare()
    world.config.edit_capability("orders-api", data_class="restricted")

    await world.publish()
    await redecided(world)

    assert await scene.alive() == {"agent", "legacy", "second", "stock"}


async def test_what_changes_nothing_ends_nothing(world: World) -> None:
    """Every line of it was looked at, and every credential lives."""
    scene = await Scene(world).prepare()
    before = await scene.alive()
    world.config.write("policies/50-world.cedar", "// nothing is said here\n")

    await world.publish()
    await redecided(world)

    assert await scene.alive() == before == set(scene.ids)


async def test_its_places_are_free_again(world: World) -> None:
    """Whoever comes back from a suspension is not full of what it has lost."""
    small = Who(AGENT.kind, "small-bot", "acme", "pod-1")
    task = await world.open(agent="small-bot")
    for _ in range(3):
        await world.issue(task["id"], small)
    world.config.edit_agent("small-bot", status="suspended")
    await world.publish()
    await redecided(world)
    world.config.edit_agent("small-bot", status="active")
    await world.publish()

    assert (await world.ask(task["id"], small)).status == 201


async def test_a_renewed_one_is_asked_about_as_a_renewal(world: World) -> None:
    """It lives by that: who may not ask anew may still keep it, and the other way round."""
    no_asking = FREEZE.replace("action,", 'action == Action::"RequestCredential",')
    task = await world.open()
    kept = await world.issue(task["id"], ttl_seconds=30)
    lost = await world.issue(task["id"], ttl_seconds=30)
    renewed = await world.post(AGENT, f"/v1/credentials/{kept['id']}/renew", {"ttl_seconds": 60})
    assert renewed.status == 201
    world.config.write("policies/50-world.cedar", no_asking)

    await world.publish()
    await redecided(world)

    assert await ended_by(world, lost["id"]) == "no-longer-granted"
    assert await world.is_active(renewed["access_token"])


async def test_nothing_that_was_granted_on_older_facts_survives_a_race(worlds: World) -> None:
    """Whoever asks while it is published, at whichever broker: refused, or dead (I4, I15)."""
    tasks = [await worlds.open() for _ in range(4)]
    worlds.config.write("policies/50-world.cedar", FREEZE)
    publishing = asyncio.create_task(worlds.publish(wait=False))
    given: list[str] = []
    number = 0
    while not publishing.done():
        number += 1
        answers = await asyncio.gather(
            *(worlds.ask(task["id"], at=(number + n) % 2) for n, task in enumerate(tasks))
        )
        given += [answer["id"] for answer in answers if answer.status == 201]
    await publishing
    await redecided(worlds)

    assert given
    for lease in given:
        assert await ended_by(worlds, lease) == "no-longer-granted"


async def test_a_held_agent_loses_what_it_holds_and_nobody_else_does(worlds: World) -> None:
    """A fact, and no revision of the bundle: the other broker does it as well."""
    scene = await Scene(worlds).prepare()
    hold = HoldThing(Ref(ThingKind.AGENT, "acme", "invoice-bot"), Hold("odd", "operator:test", 1))

    await changes_at(worlds, 1).apply(ChangeSet("operator:test", "a test", (hold,)))
    await redecided(worlds)

    assert await scene.alive() == {"helper", "stock"}
    (shown, *_) = await worlds.receipts(OPERATOR, f"/v1/tasks/{scene.tasks['agent']}/report")
    assert (shown["why"]["reason"], shown["why"]["facts_revision"]) == ("agent-held", 1)


async def test_a_fact_that_touches_nobody_ends_nothing(worlds: World) -> None:
    """A ticket that no task names."""
    scene = await Scene(worlds).prepare()
    thing = Thing(kind=ThingKind.TICKET, tenant="acme", name="T-77", status="open")

    await changes_at(worlds).apply(ChangeSet("operator:test", "a test", (PutThing(thing),)))
    await redecided(worlds)

    assert await scene.alive() == set(scene.ids)


@pytest.mark.parametrize("how", ["status", "hold", "owner", "review", "dropped"])
async def test_what_a_fallen_agent_has_handed_on_ends_with_it(world: World, how: str) -> None:
    """At any depth, whoever holds it, and nothing more is given there; elsewhere they work on."""
    task = await world.open()
    child = (await world.delegate(task["id"])).body
    grandchild = (await world.delegate(child["id"], HELPER, agent="report-bot")).body
    held = [await world.issue(child["id"], HELPER), await world.issue(grandchild["id"], REPORTER)]
    own = await world.issue((await world.open(agent="helper-bot"))["id"], HELPER)

    await _fall(world, how)
    await redecided(world)

    for each in held:
        assert await ended_by(world, each["id"]) == "no-longer-granted"
    assert (await world.ask(child["id"], HELPER)).status == 403
    assert (await world.delegate(grandchild["id"], REPORTER)).status == 403
    assert await world.is_active(own["access_token"])
    assert (await world.delegate(task["id"], ORCHESTRATOR, agent="report-bot")).status == 403


async def _fall(world: World, how: str) -> None:
    """Let the agent at the top not be in order any more."""
    if how == "hold":
        hold = HoldThing(Ref(ThingKind.AGENT, "acme", "invoice-bot"), Hold("odd", "operator:x", 1))
        await changes_at(world).apply(ChangeSet("operator:test", "a test", (hold,)))
        return
    if how == "dropped":
        world.config.edit(
            "agents.yaml",
            lambda file: file["agents"].remove(
                next(each for each in file["agents"] if each["name"] == "invoice-bot")
            ),
        )
    else:
        said = {"status": "suspended", "owner": "person:nobody", "review": "2026-01-01"}
        name = {"review": "review_by"}.get(how, how)
        world.config.edit_agent("invoice-bot", **{name: said[how]})
    await world.publish()


async def test_the_record_says_who_had_handed_it_on(world: World) -> None:
    """Nothing is wrong with who holds it, so it has to be said."""
    task = await world.open()
    child = (await world.delegate(task["id"])).body
    await world.issue(child["id"], HELPER)
    await _fall(world, "hold")
    await redecided(world)

    (shown,) = await world.receipts(OPERATOR, f"/v1/tasks/{child['id']}/report")

    assert shown["why"]["reason"] == "agent-held"
    assert shown["why"]["missing"] == [
        "built in: agent:invoice-bot is held; it has handed the task on"
    ]
