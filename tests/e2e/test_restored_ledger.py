"""A ledger that goes back to an older state (E3): what was taken away stays dead."""

import asyncio

import pytest

from broker.governance.bundle import Bundle
from broker.publishing import Publishing
from broker.rotation import Rotation
from tests.fakes.cast import AGENT, OPERATOR, ORDERS
from tests.fakes.world import OPERATOR_AT_WORK, PATIENCE_S, Answer, World, issue_body

ONCE = """
@id("once")
@evidence("single-use")
permit (principal is Agent, action == Action::"RequestCredential", resource)
when { principal.tenant == context.task.tenant };

@id("open")
permit (principal is Orchestrator, action == Action::"OpenTask", resource)
when { principal.tenants.contains(context.task.tenant) };
"""


async def trails_know(world: World, kind: str, count: int) -> None:
    """Wait until every broker's audit trail has heard of all that happened."""
    files = [world.config.settings(number).audit.file for number in range(len(world.running))]
    async with asyncio.timeout(PATIENCE_S):
        while not all(  # noqa: ASYNC110 - what ends it is in files
            file.exists() and file.read_text().count(kind) >= count for file in files
        ):
            await asyncio.sleep(0.05)


async def trust_again(world: World) -> int:
    """Do what `broker apply --restored` does; once more where somebody noticed only after that."""
    bundle = await asyncio.to_thread(Bundle.from_files, world.config.settings().bundle)
    for _ in range(5):
        async with world.installation() as found:
            publishing = Publishing(found, by=OPERATOR_AT_WORK)
            record = await publishing.publish(bundle, reason="restored", accepts=True)
        if await is_soon_ready(world):
            break
    return record.revision


async def is_soon_ready(world: World) -> bool:
    """Tell whether every broker gives access, and goes on to."""
    for _ in range(100):
        await asyncio.sleep(0.05)
        answers = [await world.readiness(at=at) for at in range(len(world.running))]
        if all(status == 200 for status, _ in answers):
            return True
    return False


@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
async def test_what_was_revoked_since_the_backup_stays_dead(
    worlds: World,
    is_restarted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Noticed by brokers that ran on, and by such that know it only from their audit trails."""
    task = await worlds.open()
    kept, revoked = [await worlds.issue(task["id"]) for _ in range(2)]
    await trails_know(worlds, "lease.issued", 2)
    backup = worlds.single.back_up()
    assert (await worlds.revoke(OPERATOR, credential=revoked["id"])).status == 200
    await trails_know(worlds, '"lease.ended"', 1)
    if is_restarted:
        await worlds.stop()

    worlds.single.restore(backup)
    for _ in range(2 if is_restarted else 0):
        await worlds.start(gives=False)

    for at in (0, 1):
        told = await worlds.until_refusing("ledger", at=at)
        assert "not trusted" in told
        assert not await worlds.is_active(revoked["access_token"], ORDERS, at=at)
        assert not await worlds.is_active(kept["access_token"], ORDERS, at=at)
        assert (await worlds.ask(task["id"], at=at)).status == 503


async def test_after_an_operator_has_looked_it_goes_on(worlds: World) -> None:
    """All from before is dead; what is granted now lives, and numbers mean one thing only."""
    task = await worlds.open()
    issued = await worlds.issue(task["id"])
    await trails_know(worlds, "lease.issued", 1)
    backup = worlds.single.back_up()
    worlds.config.edit_agent("invoice-bot", purpose="something newer")
    seen = await worlds.publish()
    worlds.single.restore(backup)
    for at in (0, 1):
        await worlds.until_refusing("ledger", at=at)

    revision = await trust_again(worlds)
    for at in (0, 1):
        await worlds.until_ready(at=at)
    anew = await worlds.open()
    fresh = await worlds.issue(anew["id"], at=1)

    assert revision > seen
    assert (await worlds.ask(task["id"])).status == 409
    assert not await worlds.is_active(issued["access_token"])
    assert await worlds.is_active(fresh["access_token"])
    assert fresh["id"] != issued["id"]


async def test_applying_without_saying_so_trusts_nothing(world: World) -> None:
    """A pipeline that publishes as always does not accept a ledger that went back."""
    await world.issue((await world.open())["id"])
    await trails_know(world, "lease.issued", 1)
    backup = world.single.back_up()
    await world.rotate()
    world.single.restore(backup)
    await world.until_refusing("ledger")

    world.config.edit_agent("invoice-bot", purpose="something newer")
    await world.publish()

    assert (await world.readiness())[0] == 503


async def test_a_key_that_was_revoked_since_can_be_revoked_again(world: World) -> None:
    """The restored manifest has it as the active one: it is taken away before going on."""
    issued = await world.issue((await world.open())["id"])
    await trails_know(world, "lease.issued", 1)
    backup = world.single.back_up()
    async with world.installation() as found:
        rotation = Rotation(found, by=OPERATOR_AT_WORK, alg="EdDSA")
        stolen = (await rotation.view()).record.keys[0].kid
        await rotation.replace_stolen(stolen, "a leak")
    await world.refresh()
    world.single.restore(backup)
    await world.until_refusing("ledger")

    async with world.installation() as found:
        await Rotation(found, by=OPERATOR_AT_WORK, alg="EdDSA").replace_stolen(stolen, "a leak")
    await trust_again(world)
    await world.until_ready()
    shown = await world.get(None, "/.well-known/jwks.json")

    assert stolen not in {key["kid"] for key in shown["keys"]}
    assert not await world.is_active(issued["access_token"])
    assert (await world.ask((await world.open())["id"])).status == 201


async def test_a14_evidence_that_was_used_since_the_backup_stays_used(worlds: World) -> None:
    """The ledger has forgotten the use, not that it forgets; what is issued afterwards serves."""
    worlds.config.write("policies/50-world.cedar", ONCE)
    await worlds.publish()
    backup = worlds.single.back_up()
    used, unused = worlds.token(AGENT, jti="used"), worlds.token(AGENT, jti="unused")
    first = await open_and_ask(worlds, used)
    await trails_know(worlds, "lease.issued", 1)
    worlds.single.restore(backup)
    for at in (0, 1):
        await worlds.until_refusing("ledger", at=at)
    await trust_again(worlds)
    for at in (0, 1):
        await worlds.until_ready(at=at)

    old = [await open_and_ask(worlds, each, at=at) for each in (used, unused) for at in (0, 1)]
    later = worlds.now() + 300
    for broker in worlds.running:
        broker.clock.shift_ms = 300_000
    fresh = worlds.token(AGENT, jti="fresh", iat=later, exp=later + 600)
    new = [await open_and_ask(worlds, fresh, at=at) for at in (0, 1)]

    assert first.status == 201
    assert [(each.status, each.code) for each in old] == [(403, "evidence-used")] * 4
    assert [each.status for each in new] == [201, 403]


async def open_and_ask(world: World, token: str, *, at: int = 0) -> Answer:
    """Open a task of its own, and ask for a credential in it with a token."""
    task = await world.open(at=at)
    return await world.post(token, f"/v1/tasks/{task['id']}/credentials", issue_body(), at=at)
