"""Facts over the API of real brokers: whole or not at all, once, and each within its tenants."""

import asyncio
from typing import Any, Final

import pytest

from broker.settings.limits import FactsLimits, Reevaluation
from tests.fakes.cast import (
    AGENT,
    BOTH_OPERATOR,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    ROOT_OPERATOR,
    STOCK_OPERATOR,
    Who,
)
from tests.fakes.world import Answer, World

CHANGES: Final = "/v1/facts/changes"
THINGS: Final = "/v1/facts/things"
HISTORY: Final = "/v1/facts/history"


def put(ref: str, tenant: str = "acme", **said: object) -> dict[str, Any]:
    """Put a thing that stands."""
    status = {"ticket": "open", "team": None}.get(ref.partition(":")[0], "active")
    thing = {"ref": ref, **({"status": status} if status else {}), **said}
    return {"op": "put", "tenant": tenant, "thing": thing}


def relate(text: str, tenant: str = "acme", op: str = "relate", **more: object) -> dict[str, Any]:
    """Relate two things."""
    subject, relation, object_ = text.split()
    both = {"subject": subject, "relation": relation, "object": object_, **more}
    return {"op": op, "tenant": tenant, "relationship": both}


def of(op: str, ref: str, tenant: str = "acme") -> dict[str, Any]:
    """Hold, lift or drop."""
    return {"op": op, "tenant": tenant, "ref": ref}


async def change(
    world: World,
    *changes: dict[str, Any],
    who: Who = OPERATOR,
    key: str = "",
    at: int = 0,
    **how: object,
) -> Answer:
    """Change facts."""
    body = {"reason": "INC-7", "changes": list(changes), **how}
    return await world.post(who, CHANGES, body, key=key, at=at)


async def names(world: World, who: Who, query: str = "", at: int = 0) -> list[str]:
    """List the things to the end."""
    pages = await world.pages(who, f"{THINGS}?limit=200{query}", at=at)
    return [thing["ref"] for page in pages for thing in page["things"]]


async def test_what_is_changed_is_there_at_every_broker(worlds: World) -> None:
    """In lists, by name, in what reaches what, and in the history."""
    made = await change(
        worlds,
        put("ticket:OPS-1", purpose="a leak"),
        put("dataset:orders/2026#q1"),
        relate("agent:invoice-bot assigned-to ticket:OPS-1", expires_at="2099-01-01T00:00:00Z"),
        relate("ticket:OPS-1 concerns dataset:orders/2026#q1"),
    )
    assert (made.status, made["revision"], made["deaths"]) == (200, 1, 0), made.raw
    await worlds.refresh()

    assert await names(worlds, OPERATOR, "&kind=ticket", at=1) == ["ticket:OPS-1"]
    shown = await worlds.get(OPERATOR, f"{THINGS}/dataset/acme/orders%2F2026%23q1", at=1)
    assert shown["down"][0]["subject"] == "ticket:OPS-1"
    agent = await worlds.get(OPERATOR, f"{THINGS}/agent/acme/invoice-bot", at=1)
    assert (agent["source"], agent["stands"]) == ("bundle", True)
    assert {edge["object"] for edge in agent["up"]} == {"team:/finance", "ticket:OPS-1"}

    reached = await worlds.get(OPERATOR, "/v1/facts/reach?from=agent:invoice-bot", at=1)
    ways = {
        each["ref"]: [step["relation"] for step in each["through"]] for each in reached["reached"]
    }
    assert ways["dataset:orders/2026#q1"] == ["assigned-to", "concerns"]
    query = "to=dataset:orders%2F2026%23q1&tenant=acme"
    back = await worlds.get(OPERATOR, f"/v1/facts/reach?{query}", at=1)
    assert {each["ref"] for each in back["reached"]} == {"ticket:OPS-1", "agent:invoice-bot"}

    [entry] = (await worlds.get(OPERATOR, HISTORY, at=1))["history"]
    assert (entry["by"], entry["reason"]) == ("operator:alice", "INC-7")
    assert entry["counts"] == {"put": 2, "relate": 2}
    told = await worlds.get(OPERATOR, f"{HISTORY}/1?limit=1", at=1)
    assert len(told["changes"]) == 1
    assert len(await worlds.pages(OPERATOR, f"{HISTORY}/1?limit=1", at=1)) == 4


async def test_what_one_broker_acknowledged_another_goes_on_from(worlds: World) -> None:
    """At once: whoever has its calls spread over brokers is told of no fault that there is not."""
    for number in range(4):
        at, other = number % 2, 1 - number % 2
        name = f"ticket:N-{number}"
        made = await change(worlds, put(name), at=at)
        held = await change(worlds, of("hold", name), at=other)
        lifted = await change(worlds, of("lift", name), at=at, base=held["revision"])
        path = f"{HISTORY}/{lifted['revision']}/rollback"
        back = await worlds.post(OPERATOR, path, {"reason": "no"}, at=other)

        assert [each.status for each in (made, held, lifted, back)] == [200] * 4


async def test_a_half_bad_set_changes_nothing_and_lists_all_faults(world: World) -> None:
    """Each by its member, with what to do."""
    answer = await change(
        world,
        put("ticket:OPS-1"),
        put("agent:new-bot", owner="person:zoe", purpose="x"),
        relate("agent:invoice-bot assigned-to ticket:OPS-9"),
        of("hold", "ticket:OPS-8"),
        of("lift", "agent:invoice-bot"),
        of("drop", "agent:report-bot"),
        put("ticket:OPS-1", purpose="again"),
    )

    assert (answer.status, answer.code) == (400, "invalid-change")
    fields = [fault["field"] for fault in answer["faults"]]
    assert fields == [
        "changes[1].thing.owner",
        "changes[2].relationship.object",
        "changes[3].ref",
        "changes[4].ref",
        "changes[5].ref",
        "changes[6].thing",
    ]
    assert all(": " in fault["detail"] for fault in answer["faults"])
    assert await names(world, OPERATOR, "&source=desk") == []
    assert await names(world, OPERATOR, "&kind=ticket") == []
    assert (await world.get(OPERATOR, HISTORY))["history"] == []


@pytest.mark.parametrize("instant", ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z"])
async def test_what_ended_when_time_began_does_not_last_for_ever(
    world: World, instant: str
) -> None:
    """A system that knows no expiry may well send zero: that is no relationship without an end."""
    await change(world, put("ticket:OPS-1"))
    wanted = relate("agent:invoice-bot assigned-to ticket:OPS-1", expires_at=instant)

    refused = await change(world, wanted)

    assert (refused.status, refused.code) == (400, "invalid-change")
    assert refused["faults"][0]["field"] == "changes[0].relationship.expires_at"


async def test_of_racing_appliers_one_wins_and_nothing_is_lost(worlds: World) -> None:
    """Who was overtaken is told so; made anew from what stands, both changes are there."""
    await change(worlds, put("ticket:OPS-1"))

    async def apply(number: int) -> Answer:
        return await change(worlds, put(f"ticket:R-{number}"), base=1, at=number % 2)

    answers = await asyncio.gather(*(apply(number) for number in range(8)))

    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert {answer.code for answer in answers if answer.status == 409} == {"superseded"}
    for number, answer in enumerate(answers):
        if answer.status == 409:
            assert (await change(worlds, put(f"ticket:R-{number}"))).status == 200
    await worlds.refresh()
    assert len(await names(worlds, OPERATOR, "&kind=ticket&q=R-*")) == 8


async def test_the_same_key_is_the_same_change(worlds: World) -> None:
    """At whatever broker, however often, and in whatever company; another body is refused (I10)."""
    first = await change(worlds, put("ticket:OPS-1"), of("hold", "agent:report-bot"), key="k-1")
    await change(worlds, put("ticket:OPS-2"))

    again = await asyncio.gather(
        *(
            change(worlds, put("ticket:OPS-1"), of("hold", "agent:report-bot"), key="k-1", at=n % 2)
            for n in range(6)
        )
    )

    assert {(each.status, each["revision"]) for each in again} == {(200, first["revision"])}
    other = await change(worlds, put("ticket:OPS-3"), key="k-1", at=1)
    assert (other.status, other.code) == (422, "idempotency-conflict")
    stranger = await change(worlds, put("ticket:OPS-4"), key="k-1", who=ROOT_OPERATOR)
    assert stranger.status == 200
    assert len((await worlds.get(ROOT_OPERATOR, HISTORY))["history"]) == 3


async def test_concurrent_repeats_make_one_revision(worlds: World) -> None:
    """All are told the same one."""
    answers = await asyncio.gather(
        *(change(worlds, of("hold", "agent:report-bot"), key="k", at=n % 2) for n in range(8))
    )

    assert {(each.status, each["revision"]) for each in answers} == {(200, 1)}
    assert len((await worlds.get(OPERATOR, HISTORY))["history"]) == 1


@pytest.mark.parametrize(
    "foreign",
    [
        put("ticket:X", "globex"),
        of("hold", "agent:stock-bot", "globex"),
        of("hold", "tenant:globex", "globex"),
        relate("agent:stock-bot assigned-to ticket:X", "globex"),
        of("hold", "team:/finance"),
        relate("agent:invoice-bot member-of team:/warehouse"),
    ],
)
async def test_nobody_changes_what_is_another_tenants(
    world: World, foreign: dict[str, Any]
) -> None:
    """Foreign and absent are the same bytes, alone or among one's own changes (I16)."""
    absent = {**foreign, "tenant": "nosuch"}
    for changes in ((foreign,), (put("ticket:OPS-1"), foreign)):
        refused = await change(world, *changes)
        assert (refused.status, refused.code) == (404, "not-found")
    if "/" not in str(foreign):
        unknown = await change(world, put("ticket:OPS-1"), absent)
        assert unknown.raw == refused.raw
    assert await names(world, ROOT_OPERATOR, "&kind=ticket") == []


async def test_nobody_sees_what_is_another_tenants(world: World) -> None:
    """Not in lists, not by name, not in the history, not by what it reaches (I16)."""
    await change(world, put("ticket:OPS-1"), put("person:ann"))
    await change(world, put("ticket:OPS-1", "globex"), who=STOCK_OPERATOR)

    assert await names(world, STOCK_OPERATOR, "&tenant=acme") == []
    assert "person:ann" not in await names(world, STOCK_OPERATOR)
    for path in (f"{THINGS}/person/acme/ann", f"{HISTORY}/1", "/v1/facts/reach?from=person:ann"):
        foreign = await world.get(STOCK_OPERATOR, path)
        assert foreign.status == 404
        absent = await world.get(STOCK_OPERATOR, path.replace("ann", "zed").replace("/1", "/99"))
        assert foreign.raw == absent.raw
    assert [each["revision"] for each in (await world.get(STOCK_OPERATOR, HISTORY))["history"]] == [
        2
    ]
    twice = await world.get(BOTH_OPERATOR, "/v1/facts/reach?from=ticket:OPS-1")
    assert (twice.status, twice["field"]) == (400, "tenant")
    back = await world.post(STOCK_OPERATOR, f"{HISTORY}/1/rollback", {"reason": "x"})
    assert back.status == 404


async def test_nobody_but_operators_has_to_do_with_facts(world: World) -> None:
    """Whatever their tenant."""
    paths = (THINGS, "/v1/facts/relationships", HISTORY, "/v1/facts/reach?from=agent:invoice-bot")
    for who in (AGENT, ORCHESTRATOR, ORDERS):
        for path in paths:
            assert (await world.get(who, path)).status == 403
        assert (await change(world, put("ticket:OPS-1"), who=who)).status == 403


@pytest.mark.parametrize(
    "ref",
    [
        *("ticket:", "ticket:-x", "ticket:a b", "ticket:a:b", "ticket:a\nb", "ticket:\u202ea"),
        *(
            f"ticket:{'a' * 129}",
            "nosuch:a",
            "ticket",
            ":a",
            "ticket:/a",
            "ticket:é",
            "ticket:a\x00",
        ),
    ],
)
async def test_a_bad_name_is_refused_by_its_member(world: World, ref: str) -> None:
    """And never said back where it could do harm."""
    for bad, field in ((of("hold", ref), "ref"), (put(ref), "thing.ref")):
        answer = await change(world, put("ticket:OPS-1"), bad)
        assert answer.status == 400
        assert answer["field"].startswith((f"changes[1].{field}", "changes[...]", "body"))
    assert await names(world, OPERATOR, "&kind=ticket") == []


async def test_a_mistake_is_taken_back(world: World) -> None:
    """As a revision of its own; what came since stays; what stands in the way is named."""
    await change(world, put("ticket:OPS-1", purpose="a leak"))
    mistake = await change(world, of("drop", "ticket:OPS-1"))
    await change(world, put("ticket:OPS-2"))
    path = f"{HISTORY}/{mistake['revision']}/rollback"

    looked = await world.post(OPERATOR, path, {"reason": "oops", "dry_run": True})
    assert (looked.status, looked["dry_run"]) == (200, True)
    assert await names(world, OPERATOR, "&kind=ticket") == ["ticket:OPS-2"]

    back = await world.post(OPERATOR, path, {"reason": "oops"}, key="back")
    assert (back.status, back["revision"]) == (200, 4)
    repeated = await world.post(OPERATOR, path, {"reason": "oops"}, key="back")
    assert repeated["revision"] == 4
    shown = await world.get(OPERATOR, f"{THINGS}/ticket/acme/OPS-1")
    assert shown["purpose"] == "a leak"

    await change(world, put("ticket:OPS-2", purpose="more"))
    refused = await world.post(OPERATOR, f"{HISTORY}/3/rollback", {"reason": "oops"})
    assert (refused.status, refused.code) == (400, "invalid-change")
    assert refused["faults"][0]["field"] == "changes[0].thing"


async def test_many_deaths_have_to_be_meant(world: World) -> None:
    """They are named first; nothing is changed, and nothing dies, before they are accepted."""
    await world.start(reevaluation=Reevaluation(brake_leases=1))
    task = await world.open()
    held = [await world.issue(task["id"]) for _ in range(3)]

    looked = await change(world, of("hold", "agent:invoice-bot"), dry_run=True, at=1)
    assert (looked["deaths"], looked["complete"]) == (3, True)
    assert {each["credential"] for each in looked["dying"]} == {each["id"] for each in held}
    assert {each["agent"] for each in looked["dying"]} == {"invoice-bot"}

    refused = await change(world, of("hold", "agent:invoice-bot"), at=1)
    assert (refused.status, refused.code) == (409, "would-kill-many")
    assert (refused["deaths"], refused["digest"]) == (3, looked["digest"])
    assert await world.is_active(held[0]["access_token"])

    await world.issue(task["id"])  # of the same agent and capability: what was accepted
    made = await change(world, of("hold", "agent:invoice-bot"), accept=refused["digest"], at=1)
    assert (made.status, made["deaths"]) == (200, 4)
    assert (await world.ask(task["id"])).status == 403


NOBODY_FOR_THE_GONE: Final = """
@id("nobody-acts-for-the-gone")
forbid (principal, action, resource is Capability)
when { context has behalf && context.behalf.status == "gone" };
"""


async def test_who_was_unknown_may_kill_many_by_being_gone(world: World) -> None:
    """A task may name whom nobody has registered yet: that is looked at, too."""
    await world.start(reevaluation=Reevaluation(brake_leases=1))
    world.config.write("policies/50-world.cedar", NOBODY_FOR_THE_GONE)
    await world.publish()
    task = await world.open(on_behalf_of="dana")
    held = [await world.issue(task["id"]) for _ in range(3)]

    refused = await change(world, put("person:dana", status="gone"), at=1)
    elsewhere = await change(world, put("person:dora", status="gone"), at=1)

    assert (refused.status, refused.code, elsewhere.status) == (409, "would-kill-many", 200)
    assert refused["deaths"] == 3
    assert await world.is_active(held[0]["access_token"])


async def test_what_an_agent_in_the_middle_has_handed_on_is_counted(world: World) -> None:
    """It holds nothing itself, and no quota counts for it what is below."""
    await world.start(reevaluation=Reevaluation(brake_leases=1))
    top = await world.open()
    middle = (await world.delegate(top["id"])).body
    last = (await world.delegate(middle["id"], HELPER, agent="report-bot")).body
    for _ in range(3):
        await world.issue(last["id"], Who(AGENT.kind, "report-bot", "acme", "pod-1"))

    refused = await change(world, of("hold", "agent:helper-bot"), at=1)

    assert (refused.status, refused.code, refused["deaths"]) == (409, "would-kill-many", 3)


async def test_few_deaths_need_no_word(world: World) -> None:
    """By default up to twenty-five."""
    task = await world.open()
    await world.issue(task["id"])

    assert (await change(world, of("hold", "agent:invoice-bot"))).status == 200


async def test_a_thousand_edits_are_one_call_or_few_revisions(world: World) -> None:
    """Neither way is anything lost, and access is given meanwhile."""
    patient = FactsLimits(max_age_ms=60_000)  # this machine may have other work to do
    await world.start(facts=patient)
    task = await world.open()
    many = [put(f"ticket:M-{number}") for number in range(1_000)]
    bulk, issued = await asyncio.gather(change(world, *many, at=1), world.ask(task["id"], at=1))
    assert (bulk.status, issued.status) == (200, 201)

    singles = [change(world, put(f"ticket:S-{number}"), at=1) for number in range(100)]
    *answers, issued = await asyncio.gather(*singles, world.ask(task["id"], at=1))

    assert {answer.status for answer in answers} == {200}
    assert issued.status == 201
    assert len({answer["revision"] for answer in answers}) < 60
    assert len(await names(world, OPERATOR, "&kind=ticket&q=S-*", at=1)) == 100


async def test_the_metrics_count_each_change_that_was_made(world: World) -> None:
    """One set of two, and a repeat that makes none."""
    both = (put("ticket:OPS-1"), put("ticket:OPS-2"))
    for _ in range(2):
        assert (await change(world, *both, key="k-1")).status == 200

    metrics = (await world.get(None, "/metrics")).raw.decode()

    assert "jit_facts_changes_total 2.0" in metrics
