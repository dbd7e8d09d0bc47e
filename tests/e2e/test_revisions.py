"""Publishing a change and taking it back, beside running brokers."""

import asyncio
import hashlib

import pytest

from broker.errors import ConfigurationError, NotFoundError, SupersededError
from broker.governance.bundle import Bundle
from broker.publishing import Publishing
from broker.store.history import KEPT
from tests.fakes.cast import OPERATOR, ORCHESTRATOR
from tests.fakes.world import OPERATOR_AT_WORK, World, task_body

FREEZE = """
@id("freeze")
forbid (principal, action, resource);
"""


async def publish(world: World, **how: object) -> int:
    """Publish the files as they are now; return the revision."""
    bundle = await asyncio.to_thread(Bundle.from_files, world.config.settings().bundle)
    async with world.installation() as found:
        record = await Publishing(found, by=OPERATOR_AT_WORK).publish(bundle, **how)  # type: ignore[arg-type] # what it takes
    await world.refresh()
    return record.revision


async def go_back(world: World, revision: int = 0) -> int:
    """Take a change back; return the new revision."""
    async with world.installation() as found:
        record = await Publishing(found, by=OPERATOR_AT_WORK).go_back(revision, reason="a mistake")
    await world.refresh()
    return record.revision


async def test_a_change_is_taken_back_as_a_revision_of_its_own(worlds: World) -> None:
    """Everybody follows forwards; it says of what it is a copy, who took it back, and why."""
    task = await worlds.open()
    worlds.config.write("policies/50-world.cedar", FREEZE)
    assert await publish(worlds, reason="close for the night") == 2
    frozen = [(await worlds.ask(task["id"], at=at)).status for at in (0, 1)]

    assert await go_back(worlds) == 3
    thawed = [(await worlds.ask(task["id"], at=at)).status for at in (0, 1)]
    async with worlds.installation() as found:
        newest, frozen_one, first = await Publishing(found, by="").history()

    assert (frozen, thawed) == ([403, 403], [201, 201])
    assert (newest.rollback_of, newest.reason, newest.by) == (1, "a mistake", OPERATOR_AT_WORK)
    assert (frozen_one.reason, first.revision) == ("close for the night", 1)
    assert newest.digest == first.digest
    assert await worlds.told("policy.published") == 3


async def test_going_back_twice_goes_to_and_fro(world: World) -> None:
    """The one before says something else: taking back what was taken back brings it again."""
    world.config.write("policies/50-world.cedar", FREEZE)
    await publish(world)
    await go_back(world)

    assert await go_back(world) == 4

    assert (await world.post(ORCHESTRATOR, "/v1/tasks", task_body())).status == 403


async def test_what_is_not_kept_cannot_be_gone_back_to(world: World) -> None:
    """Never published, or the only one."""
    for revision in (0, 7):
        with pytest.raises(NotFoundError):
            await go_back(world, revision)


async def test_what_this_version_does_not_understand_cannot_be_gone_back_to(world: World) -> None:
    """It is checked as if it were new: nothing is published, what stands stays."""
    world.config.write("policies/50-world.cedar", FREEZE)
    await publish(world)
    keys = world.broker.ledger.keys
    old = world.single.ask("GET", keys.bundle(1))
    world.single.ask("SET", keys.bundle(1), old.replace("permit (", "permit [", 1))

    with pytest.raises(ConfigurationError):
        await go_back(world)

    assert world.broker.replica.revision == 2
    await world.until_ready()


async def test_what_is_kept_and_was_changed_cannot_be_gone_back_to(world: World) -> None:
    """A good bundle in another's place: its digest is another."""
    world.config.write("policies/50-world.cedar", FREEZE)
    await publish(world)
    keys = world.broker.ledger.keys
    world.single.ask("SET", keys.bundle(1), world.single.ask("GET", keys.bundle(2)))

    with pytest.raises(ConfigurationError, match="not what was published"):
        await go_back(world)


async def test_of_two_who_change_the_same_revision_one_is_told(world: World) -> None:
    """The other would undo a change that it never saw."""
    world.config.write("policies/50-world.cedar", FREEZE)
    await publish(world, base=1)
    world.config.write("policies/51-more.cedar", FREEZE.replace("freeze", "more"))

    with pytest.raises(SupersededError, match=f"2 was published by {OPERATOR_AT_WORK}"):
        await publish(world, base=1)

    assert world.broker.replica.revision == 2
    assert await publish(world, base=2) == 3


async def test_a_race_has_one_winner_and_the_audit_names_it(world: World) -> None:
    """Eight publish at once; what is told of the revision is what stands."""
    bundles = []
    for number in range(8):
        world.config.write("policies/50-world.cedar", FREEZE.replace("freeze", f"f{number}"))
        bundles.append(await asyncio.to_thread(Bundle.from_files, world.config.settings().bundle))

    async def attempt(number: int) -> int:
        async with world.installation() as found:
            publishing = Publishing(found, by=f"operator:{number}")
            return (await publishing.publish(bundles[number], base=1)).revision

    outcomes = await asyncio.gather(*map(attempt, range(8)), return_exceptions=True)
    record = await world.broker.ledger.control.read()
    await world.refresh()

    (winner,) = [number for number, outcome in enumerate(outcomes) if outcome == 2]
    assert all(isinstance(each, SupersededError) for each in outcomes if each != 2)
    assert record is not None
    assert record.published is not None
    assert (record.digest, record.published.by) == (bundles[winner].digest, f"operator:{winner}")
    text = world.single.ask("GET", world.broker.ledger.keys.bundle(2))
    assert hashlib.sha256(text.encode()).hexdigest() == record.digest
    assert await world.told("policy.published") == 2


async def test_history_is_bounded_and_the_ledger_with_it(world: World) -> None:
    """The newest are kept, with their bundles and no others."""
    for number in range(KEPT + 3):
        world.config.edit_agent("invoice-bot", purpose=f"purpose {number}")
        await publish(world)
    async with world.installation() as found:
        kept = [entry.revision for entry in await Publishing(found, by="").history()]

    newest = KEPT + 4
    assert kept == list(range(newest, newest - KEPT, -1))
    bundles = world.single.ask("KEYS", "*:bundle:*")
    assert len(bundles) == KEPT
    with pytest.raises(NotFoundError):
        await go_back(world, 1)


async def test_a_damaged_bundle_is_mended_by_publishing_the_same_again(world: World) -> None:
    """A broker that starts on it only revokes, and recovers without a restart."""
    keys = world.broker.ledger.keys
    text = world.single.ask("GET", keys.bundle(1))
    world.single.ask("SET", keys.bundle(1), text[:-10])
    await world.stop()
    await world.start(gives=False)
    told = await world.until_refusing("policy")

    assert await publish(world) == 2

    assert "revision 1 cannot be loaded" in told
    await world.until_ready()


async def test_a_bundle_of_another_content_does_not_come_into_force(world: World) -> None:
    """Somebody put a good one in its place: the digest that was published is another."""
    world.config.write("policies/50-world.cedar", "")
    await publish(world)
    keys = world.broker.ledger.keys
    world.single.ask("SET", keys.bundle(2), world.single.ask("GET", keys.bundle(1)))
    await world.stop()
    await world.start(gives=False)

    assert "its digest is another" in await world.until_refusing("policy")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("schema", 2, "schema 2"),
        ("buckets", 32, "store.buckets"),
        ("keys", "[", "cannot be read"),
        ("revision", "many", "cannot be read"),
        ("published", "{}", "cannot be read"),
    ],
)
async def test_a_record_that_this_version_cannot_work_with(
    world: World, field: str, value: object, why: str
) -> None:
    """Of a newer version, or spoiled: revoke-only, and recovery without a restart."""
    control = world.broker.ledger.keys.control
    task = await world.open()
    issued = await world.issue(task["id"])
    good = world.single.ask("HGET", control, field)
    world.single.ask("HSET", control, field, value)

    told = await world.until_refusing("ledger")
    refused = await world.ask(task["id"])
    revoked = await world.revoke(OPERATOR, credential=issued["id"])
    world.single.ask("HSET", control, field, good)

    assert why in told
    assert (refused.status, revoked.status) == (503, 200)
    await world.until_ready()


async def test_a_broker_runs_what_is_published_whatever_its_files_say(world: World) -> None:
    """The files of the machine were changed and not published."""
    world.config.write("policies/50-world.cedar", FREEZE)
    await world.stop()
    await world.start()

    assert (await world.post(ORCHESTRATOR, "/v1/tasks", task_body())).status == 201


async def test_what_would_change_is_the_drift_of_the_files(world: World) -> None:
    """Compared with what stands; and nothing when they say the same."""
    bundle = world.config.bundle
    world.config.edit_agent("invoice-bot", status="suspended")
    other = await asyncio.to_thread(Bundle.from_files, world.config.settings().bundle)
    async with world.installation() as found:
        publishing = Publishing(found, by="")
        same, changed = await publishing.compare(bundle), await publishing.compare(other)

    assert same == ()
    assert [(each.section, each.name) for each in changed] == [("agents", "invoice-bot")]
