"""F19: revisions that change under load. What a request is told is of one revision, all of it."""

import asyncio
import itertools

import pytest

from broker.governance.bundle import Bundle
from broker.publishing import Publishing
from tests.fakes.cast import AGENT
from tests.fakes.until import until
from tests.fakes.world import OPERATOR_AT_WORK, World

TURNS = 8

POLICY = """
@id("{name}")
@max_ttl_seconds("{most}")
@scopes("{scope}")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {{
  principal has risk && principal.risk == "{risk}" && principal.tenant == context.task.tenant
}};
"""

SIDES = {
    "side-a": {"most": "111", "scope": "orders:read", "risk": "low", "purpose": "reads"},
    "side-b": {"most": "222", "scope": "orders:write", "risk": "high", "purpose": "writes"},
}
"""Two revisions with nothing in common: policy, obligations, the agent's record, the catalogue."""

CEILING = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]


async def bundle_of(world: World, name: str) -> Bundle:
    """Write one side into the files, and read them."""
    side = SIDES[name]
    world.config.write("policies/20-credentials.cedar", POLICY.format(name=name, **side))
    world.config.edit_agent("invoice-bot", risk=side["risk"], purpose=side["purpose"])
    most = int(side["most"])
    world.config.edit_capability("orders-api", max_ttl_seconds=most + 100, default_ttl_seconds=most)
    return await asyncio.to_thread(Bundle.from_files, world.config.settings().bundle)


async def test_every_decision_is_of_one_revision(worlds: World) -> None:
    """Policy, obligations, registry and catalogue agree in each of hundreds, at both brokers."""
    bundles = [await bundle_of(worlds, name) for name in SIDES]
    task = await worlds.open(ceiling=CEILING)
    sides: dict[int, str] = {}
    granted: list[dict[str, object]] = []
    statuses: set[int] = set()

    async def publish_by_turns() -> None:
        async with worlds.installation() as found:
            publishing = Publishing(found, by=OPERATOR_AT_WORK)
            for turn in range(TURNS):
                record = await publishing.publish(bundles[turn % 2])
                sides[record.revision] = list(SIDES)[turn % 2]
                await until(lambda: any(decided(each) == record.revision for each in granted))  # noqa: B023 - it is awaited here

    publishing = asyncio.create_task(publish_by_turns())
    for number in itertools.count():
        asked = {"scopes": ["orders:read", "orders:write"], "ttl_seconds": 600}
        answer = await worlds.ask(task["id"], AGENT, at=number % 2, **asked)
        statuses.add(answer.status)
        if answer.status == 201:
            shown = await worlds.get(AGENT, f"/v1/credentials/{answer['id']}")
            granted.append({**shown.body, "expires_in": answer["expires_in"]})
        if publishing.done():
            break
    await publishing

    assert statuses <= {201, 403, 503}
    seen = {of_one_revision(each, sides) for each in granted if is_known(each, sides)}
    assert seen == set(SIDES)


def is_known(granted: dict[str, object], sides: dict[int, str]) -> bool:
    """Tell whether a grant is of one of the two sides, and not of what stood before them."""
    return decided(granted) in sides


def decided(granted: dict[str, object]) -> int:
    """Return the revision that a grant says it is of."""
    decision = granted["decision"]
    assert isinstance(decision, dict)
    return int(decision["facts_revision"])


def of_one_revision(granted: dict[str, object], sides: dict[int, str]) -> str:
    """Check that everything of a grant is of the revision that it names; return the side."""
    decision, expires_in = granted["decision"], granted["expires_in"]
    assert isinstance(decision, dict)
    assert isinstance(expires_in, int)
    name = sides[decision["facts_revision"]]
    side = SIDES[name]
    assert decision["policies"] == [name]
    assert granted["scope"] == side["scope"]
    assert int(side["most"]) - 1 <= expires_in <= int(side["most"])
    return name


async def test_looking_again_all_the_time_makes_no_mix(worlds: World) -> None:
    """What SIGHUP does, a hundred times while a revision that cannot be loaded stands."""
    task = await worlds.open()
    good = worlds.config.bundle.to_bytes().decode()
    await worlds.publish_raw(good.replace("permit (", "permit [", 1), "digest-of-it")

    answers = []
    for number in range(100):
        worlds.running[number % 2].broker.look_again()
        if number % 10 == 0:
            answers.append(await worlds.ask(task["id"], at=number % 2))
    await worlds.publish()
    mended = await worlds.ask(task["id"])

    assert {answer.status for answer in answers} == {503}
    assert mended.status == 201


@pytest.mark.parametrize("at", [0, 1])
async def test_a_look_finds_what_is_new(worlds: World, at: int) -> None:
    """Key files and revisions, at once and not at the next tick; nothing else changes."""
    worlds.config.edit_agent("invoice-bot", purpose="something newer")
    revision = await worlds.publish(wait=False)

    broker = worlds.running[at].broker
    broker.look_again()
    await until(lambda: broker.replica.revision == revision)
