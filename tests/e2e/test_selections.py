"""Sets of live credentials: picked by what they have in common, named, and killed exactly."""

import pytest

from tests.fakes.cast import (
    AGENT,
    BOTH_OPERATOR,
    OPERATOR,
    ORDERS,
    ROOT_OPERATOR,
    STOCK_OPERATOR,
    Who,
)
from tests.fakes.scene import Scene
from tests.fakes.world import Answer, World
from tests.fakes.world_config import ISSUERS

EVERYTHING = {"agent", "legacy", "second", "child", "helper", "stock"}
ACME = EVERYTHING - {"stock"}


async def select(world: World, who: Who = OPERATOR, **criteria: object) -> Answer:
    """Pick a set."""
    return await world.post(who, "/v1/selections", criteria)


async def picked(world: World, who: Who, digest: str) -> set[str]:
    """Return the ids of a set."""
    pages = await world.pages(who, f"/v1/selections/{digest}/credentials?limit=2")
    return {each["id"] for page in pages for each in page["credentials"]}


PICKED = [
    (OPERATOR, {"agent": "invoice-bot"}, {"agent", "legacy", "second", "child"}),
    (OPERATOR, {"agent": "helper-bot"}, {"child", "helper"}),
    (OPERATOR, {"agent": "stock-bot"}, set()),
    (OPERATOR, {"capability": "orders-api"}, ACME - {"legacy"}),
    (OPERATOR, {"issuer": ISSUERS[1]}, {"second"}),
    (OPERATOR, {"issuer": ISSUERS[0]}, ACME),
    (OPERATOR, {"tenant": "acme"}, ACME),
    (OPERATOR, {"all": True}, ACME),
    (STOCK_OPERATOR, {"all": True}, {"stock"}),
    (BOTH_OPERATOR, {"all": True}, EVERYTHING),
    (ROOT_OPERATOR, {"all": True}, EVERYTHING),
    (ROOT_OPERATOR, {"tenant": "globex"}, {"stock"}),
    (OPERATOR, {"task_name": "reconcile-*"}, ACME),
    (OPERATOR, {"task_name": "a-p?rt"}, {"child"}),
    (OPERATOR, {"task_name": "a-p"}, set()),
    (OPERATOR, {"data_class": "internal"}, ACME - {"legacy"}),
    (OPERATOR, {"data_class": "unheard-of"}, set()),
    (OPERATOR, {"older_than_seconds": 3600}, set()),
    (OPERATOR, {"agent": "invoice-bot", "capability": "legacy-api"}, {"legacy"}),
    (OPERATOR, {"agent": "helper-bot", "task_name": "a-part"}, {"child"}),
    (OPERATOR, {"agent": "invoice-bot", "issuer": ISSUERS[1]}, {"second"}),
    (ROOT_OPERATOR, {"agent": "stock-bot", "tenant": "acme"}, set()),
    (ROOT_OPERATOR, {"capability": "orders-api", "tenant": "globex"}, {"stock"}),
]


async def test_a_set_is_what_all_criteria_name_and_the_operator_answers_for(world: World) -> None:
    """Neither more nor less; and to look kills nothing."""
    scene = await Scene(world).prepare()

    for who, criteria, meant in PICKED:
        taken = await select(world, who, **criteria)

        assert (taken.status, taken["count"], taken["unreadable"]) == (201, len(meant), 0), criteria
        counted = [sum(taken[by].values()) for by in ("agents", "capabilities")]
        assert counted == [len(meant), len(meant)], criteria
        ids = {scene.ids[name] for name in meant}
        assert await picked(world, who, taken["digest"]) == ids, criteria
    assert await scene.alive() == EVERYTHING


KILLED = [
    (OPERATOR, {"agent": "invoice-bot", "capability": "legacy-api"}, {"legacy"}),
    (BOTH_OPERATOR, {"all": True}, EVERYTHING),
    (OPERATOR, {"task_name": "*", "issuer": ISSUERS[0]}, ACME),
    (OPERATOR, {"agent": "nobody"}, set()),
]


@pytest.mark.parametrize(("who", "criteria", "meant"), KILLED, ids=[str(c) for _, c, _ in KILLED])
async def test_a_digest_kills_exactly_its_set(
    world: World, who: Who, criteria: dict[str, object], meant: set[str]
) -> None:
    """And the report names exactly the killed."""
    scene = await Scene(world).prepare()
    taken = await select(world, who, **criteria)

    ordered = await world.revoke(who, set=taken["digest"])

    assert (ordered.status, ordered["acknowledged"]) == (200, True)
    assert ordered["progress"] == {"ended": len(meant), "total": len(meant)}
    assert await scene.alive() == EVERYTHING - meant
    receipts = await world.receipts(who, f"/v1/revocations/{ordered['id']}/report")
    assert sorted(r["credential"] for r in receipts) == sorted(scene.ids[name] for name in meant)


async def test_a_set_of_a_task_has_what_is_below_it(world: World) -> None:
    """As revoking the task would."""
    scene = await Scene(world).prepare()

    whole = await select(world, task=scene.tasks["agent"])
    part = await select(world, task=scene.tasks["child"])

    names = {"agent", "legacy", "second", "child"}
    assert await picked(world, OPERATOR, whole["digest"]) == {scene.ids[name] for name in names}
    assert await picked(world, OPERATOR, part["digest"]) == {scene.ids["child"]}


async def test_a_single_criterion_means_what_its_cut_would_kill(world: World) -> None:
    """One word means one thing, however it is ordered."""
    scene = await Scene(world).prepare()
    taken = await select(world, agent="invoice-bot")

    await world.revoke(OPERATOR, agent="invoice-bot")

    dead = {scene.ids[name] for name in EVERYTHING - await scene.alive()}
    assert await picked(world, OPERATOR, taken["digest"]) == dead


async def test_an_age_is_fixed_when_the_set_is_picked(world: World) -> None:
    """Waiting does not make the set grow."""
    task = await world.open()
    old = await world.issue(task["id"])
    await world.pass_time(100)
    young = await world.issue(task["id"])
    taken = await select(world, older_than_seconds=50)
    await world.pass_time(60)

    ordered = await world.revoke(OPERATOR, set=taken["digest"])

    assert await picked(world, OPERATOR, taken["digest"]) == {old["id"]}
    assert ordered.status == 200
    assert await world.is_active(young["access_token"])
    assert not await world.is_active(old["access_token"])


async def test_the_same_set_has_the_same_digest(world: World) -> None:
    """It names the set, not the moment; another question is another set."""
    await Scene(world).prepare()

    first, second = await select(world, tenant="acme"), await select(world, tenant="acme")
    other = await select(world, all=True)

    assert first["digest"] == second["digest"] != other["digest"]


async def test_a_set_that_has_grown_is_refused_and_nothing_dies(world: World) -> None:
    """The operator has not seen what came to it."""
    scene = await Scene(world).prepare()
    taken = await select(world, agent="invoice-bot")
    await world.issue(scene.tasks["agent"])

    refused = await world.revoke(OPERATOR, set=taken["digest"])

    assert (refused.status, refused.code) == (409, "selection-changed")
    assert (refused["grown"], refused["shrunk"]) == (1, 0)
    assert "grown by 1" in refused["detail"]
    assert await scene.alive() == EVERYTHING


async def test_what_lives_on_outside_the_set_is_a_change(world: World) -> None:
    """A data class that no longer has the capability: the set would kill what is not meant now."""
    await Scene(world).prepare()
    taken = await select(world, data_class="internal")
    world.config.edit_capability("orders-api", data_class="public")
    await world.publish()

    refused = await world.revoke(OPERATOR, set=taken["digest"])

    assert (refused.status, refused.code) == (409, "selection-changed")
    assert (refused["grown"], refused["shrunk"]) == (0, 4)


async def test_what_has_died_meanwhile_is_no_change(world: World) -> None:
    """It is as dead as it was to be, and the report says of what."""
    scene = await Scene(world).prepare()
    taken = await select(world, agent="invoice-bot")
    await world.call(AGENT, "DELETE", f"/v1/credentials/{scene.ids['agent']}")

    ordered = await world.revoke(OPERATOR, set=taken["digest"])

    assert ordered.status == 200
    assert await scene.alive() == EVERYTHING - {"agent", "legacy", "second", "child"}
    receipts = await world.receipts(OPERATOR, f"/v1/revocations/{ordered['id']}/report")
    assert len(receipts) == 4


async def test_a_set_is_absent_for_whoever_does_not_answer_for_it(world: World) -> None:
    """To look at, to list, to kill (I16)."""
    scene = await Scene(world).prepare()
    digest = (await select(world, all=True))["digest"]

    for who in (STOCK_OPERATOR, AGENT, ORDERS):
        shown = await world.get(who, f"/v1/selections/{digest}")
        unknown = await world.get(who, f"/v1/selections/{'0' * 64}")
        listed = await world.get(who, f"/v1/selections/{digest}/credentials")
        ordered = await world.revoke(who, set=digest)

        assert (shown.status, shown.raw) == (404, unknown.raw)
        assert listed.status == 404
        assert ordered.status == (404 if who is STOCK_OPERATOR else 403)
    assert await scene.alive() == EVERYTHING


async def test_another_tenants_things_look_absent(world: World) -> None:
    """A foreign name and one that nobody has get the same answer."""
    scene = await Scene(world).prepare()
    pairs = [
        ({"task": scene.tasks["agent"]}, {"task": "t_00_" + "a" * 26}),
        ({"tenant": "acme"}, {"tenant": "nobody"}),
    ]

    for foreign, absent in pairs:
        answer = await select(world, STOCK_OPERATOR, **foreign)
        assert answer.status == 404
        assert answer.raw == (await select(world, STOCK_OPERATOR, **absent)).raw


async def test_only_operators_pick(world: World) -> None:
    """What is alive is nobody else's business."""
    assert (await select(world, AGENT, all=True)).status == 403


BAD = [
    ({}, "selection"),
    ({"all": False}, "all"),
    ({"all": True, "agent": "x"}, "selection"),
    ({"agent": "no name"}, "agent"),
    ({"task": "t_1"}, "task"),
    ({"task_name": "[a-z]"}, "task_name"),
    ({"task_name": "x" * 129}, "task_name"),
    ({"older_than_seconds": 0}, "older_than_seconds"),
    ({"older_than_seconds": 10**9}, "older_than_seconds"),
    ({"issuer": "x\x00"}, "issuer"),
    ({"colour": "red"}, "colour"),
]


async def test_criteria_and_digests_that_say_nothing_or_nonsense_are_refused(world: World) -> None:
    """With the name of what is wrong, before anything is looked for."""
    for criteria, field in BAD:
        answer = await select(world, **criteria)
        assert (answer.status, answer["field"]) == (400, field), criteria
    for digest in ("", "0" * 63, "Z" * 64, "0" * 65):
        answer = await world.revoke(OPERATOR, set=digest)
        assert (answer.status, answer["field"]) == (400, "set"), digest


async def test_a_repeated_order_is_one_order_although_the_set_has_grown_since(world: World) -> None:
    """The first order stands; what came later was never its business (I10)."""
    scene = await Scene(world).prepare()
    digest = (await select(world, agent="helper-bot"))["digest"]
    first = await world.revoke(OPERATOR, set=digest, key="k1")
    late = await world.issue(scene.tasks["agent"])

    again = await world.revoke(OPERATOR, set=digest, key="k1")

    assert again.body == first.body
    assert await world.is_active(late["access_token"])


async def test_a_killed_set_frees_its_places(world: World) -> None:
    """Its agents can ask again at once."""
    await Scene(world).prepare()
    digest = (await select(world, all=True))["digest"]

    await world.revoke(OPERATOR, set=digest)

    assert [world.ledger.count("agent", name) for name in ("invoice-bot", "helper-bot")] == [0, 0]
    assert world.ledger.count("tenant", "acme") == 0
    assert world.ledger.count("tenant", "globex") == 1


async def test_a_set_can_be_picked_and_killed_while_nothing_is_given(world: World) -> None:
    """Taking away needs no policy (I5)."""
    scene = await Scene(world).prepare()
    await world.publish_raw("garbage", "0" * 64)
    await world.refresh()

    digest = (await select(world, data_class="internal"))["digest"]
    ordered = await world.revoke(OPERATOR, set=digest)

    assert ordered.status == 200
    assert await scene.alive() == {"legacy", "stock"}
