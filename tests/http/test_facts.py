"""Facts, as the API shows and takes them."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession

from broker.errors import InvalidChangeError, MemberFault, SupersededError, WouldKillManyError
from broker.fact_orders import How
from broker.fact_reach import Direction, ReachWish
from broker.fact_views import RelationshipFilter, ThingFilter
from broker.facts.change import DropThing, HoldThing, LiftHold, PutThing, Relate, Unrelate
from broker.http.edit_line import EditLine
from broker.http.limits import Limits
from broker.model.fact import Hold, Ref, Relation, Relationship, Thing, ThingKind
from tests.fakes.fact_verbs import AGENT, DIGEST, TICKET
from tests.fakes.samples import NOW_MS
from tests.fakes.services import Stage
from tests.fakes.serving import serving
from tests.http.shown import OPERATOR, call

CHANGES = "/v1/facts/changes"
HELD = {"op": "hold", "tenant": "acme", "ref": "agent:invoice-bot"}


def body(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write a change set."""
    return {"reason": "INC-7", "changes": list(changes), **more}


async def refused(
    client: ClientSession, method: str, path: str, body: object = None
) -> tuple[int, Any]:
    """Send a request that is refused; return status and problem."""
    async with client.request(method, path, headers=OPERATOR, json=body) as answer:
        return answer.status, await answer.json(content_type="application/problem+json")


async def test_things_are_asked_for_and_the_list_goes_on(
    client: ClientSession, stage: Stage
) -> None:
    """Filters reach the verb, and the address of the next page keeps them."""
    path = "/v1/facts/things?kind=agent&tenant=acme&status=active&source=desk&q=inv*&limit=1"

    status, shown, _ = await call(client, "GET", path, OPERATOR)

    assert status == 200
    assert shown["things"][0]["ref"] == "agent:invoice-bot"
    assert shown["things"][0]["hold"]["reason"] == "INC-7"
    assert shown["things"][0]["identities"] == [
        {"issuer": "https://issuer.example", "subject": "bot-*"}
    ]
    which = ThingFilter("agent", "acme", "active", "desk", "inv*")
    assert stage.calls[0].arguments == (which, "", 1)
    status, _, _ = await call(client, "GET", shown["next"], OPERATOR)
    assert status == 200
    assert stage.calls[-1].arguments == (which, "acme:agent:invoice-bot", 1)


@pytest.mark.parametrize("name", ["OPS-1", "a%2F..%2Fb", "c%23d", "e+f@g", "%2Ffinance"])
async def test_a_name_with_anything_in_it_is_one_segment(
    client: ClientSession, stage: Stage, name: str
) -> None:
    """Also what looks like a way out of the folder, and a team that all share."""
    path = f"/v1/facts/things/team/acme/{name}"

    status, shown, _ = await call(client, "GET", path, OPERATOR)

    plain = name.replace("%2F", "/").replace("%23", "#")
    assert status == 200, shown
    assert stage.calls[0].arguments == (f"team:{plain}", "acme")
    assert shown["up"][0]["expires_at"] is not None


@pytest.mark.parametrize(
    "path",
    [
        *("nosuch/acme/x", "ticket/acme/%2Fx", "ticket/acme/a%20b", "ticket/acme/a%0Ab"),
        *(
            "ticket/ac%20me/x",
            "ticket/acme/%E2%80%AEx",
            f"ticket/acme/{'a' * 129}",
            "ticket/acme/-a",
        ),
    ],
)
async def test_a_name_that_is_none_is_refused_by_its_part(
    client: ClientSession, stage: Stage, path: str
) -> None:
    """Before any verb hears of it."""
    status, problem = await refused(client, "GET", f"/v1/facts/things/{path}")

    assert (status, stage.calls) == (400, [])
    assert problem["field"] in ("kind", "tenant", "name")


async def test_relationships_and_reach_are_narrowed(client: ClientSession, stage: Stage) -> None:
    """By their own words."""
    path = "/v1/facts/relationships?tenant=acme&subject=agent:a&relation=runs&object=workflow:w"

    status, _, _ = await call(client, "GET", path, OPERATOR)
    assert status == 200
    narrowed = RelationshipFilter("acme", "agent:a", "runs", "workflow:w")
    assert stage.calls[0].arguments == (narrowed, "", 100)

    status, shown, _ = await call(client, "GET", "/v1/facts/reach?to=ticket:OPS-1", OPERATOR)
    assert status == 200
    assert shown["reached"][0]["through"][0]["relation"] == "assigned-to"
    assert stage.calls[1].arguments == (ReachWish(Direction.TO, "ticket:OPS-1"), "", 100)

    for query in ("", "?from=agent:a&to=agent:b", "?from=nosuch:a", "?from=agent"):
        status, problem = await refused(client, "GET", f"/v1/facts/reach{query}")
        assert (status, problem["field"]) == (400, "from"), query


THING = {
    "ref": "agent:bot",
    "status": "active",
    "owner": "person:olga",
    "purpose": "bills",
    "identities": [{"issuer": "https://i.example", "subject": "bot-*"}],
    "quota": 5,
    "ceiling": ["orders-api orders:read"],
}
EDGE = {"subject": "agent:bot", "relation": "runs", "object": "workflow:w"}
ENDS = {**EDGE, "expires_at": "2027-01-15T08:00:00Z"}
EACH = (
    {"op": "put", "tenant": "acme", "thing": THING},
    {"op": "drop", "tenant": "acme", "ref": "ticket:OPS-1", "cascade": True},
    {"op": "relate", "tenant": "acme", "relationship": ENDS},
    {"op": "unrelate", "tenant": "acme", "relationship": EDGE},
    HELD,
    {"op": "lift", "tenant": "acme", "ref": "agent:invoice-bot"},
)


async def test_each_change_is_read_into_what_it_means(client: ClientSession, stage: Stage) -> None:
    """All six, in their order, by whom and when."""
    sent = body(*EACH, base=6, source="desk", accept=DIGEST)
    headers = {**OPERATOR, "Idempotency-Key": "k1"}

    status, shown, _ = await call(client, "POST", CHANGES, headers, sent)

    assert (status, shown["deaths"], shown["digest"]) == (200, 1, DIGEST)
    wish = stage.calls[0].arguments[0]
    bot, workflow = Ref(ThingKind.AGENT, "acme", "bot"), Ref(ThingKind.WORKFLOW, "acme", "w")
    said = Thing(
        kind=ThingKind.AGENT,
        tenant="acme",
        name="bot",
        status="active",
        owner="person:olga",
        purpose="bills",
        identities=("https://i.example bot-*",),
        ceiling=("orders-api orders:read",),
        quota=5,
    )
    assert wish.how == How("INC-7", 6, is_dry=False, accept=DIGEST, key="k1")
    assert (wish.change.by, wish.change.source) == ("operator:olga", "desk")
    assert wish.change.changes == (
        PutThing(said),
        DropThing(TICKET, cascade=True),
        Relate(Relationship(bot, Relation.RUNS, workflow, 1_800_000_000_000)),
        Unrelate(bot, Relation.RUNS, workflow),
        HoldThing(AGENT, Hold("INC-7", "operator:olga", NOW_MS)),
        LiftHold(AGENT),
    )


async def test_every_fault_is_told_by_its_member(client: ClientSession, stage: Stage) -> None:
    """Not the first alone, and no verb hears of any of it."""
    sent = body(
        {"op": "put", "tenant": "acme", "thing": {"ref": "ticket:-x", "owner": "a\u202eb"}},
        {"op": "hold", "tenant": "acme"},
        {"op": "lift", "tenant": "ac me", "ref": "agent:a"},
        {"op": "hold", "tenant": "acme", "ref": "agent:a", "cascade": True},
        {
            "op": "relate",
            "tenant": "acme",
            "relationship": {
                "subject": "agent:a",
                "relation": "likes",
                "object": "nosuch:b",
                "expires_at": "tomorrow",
            },
        },
    )

    status, problem = await refused(client, "POST", CHANGES, sent)

    assert (status, stage.calls) == (400, [])
    assert problem["type"].endswith("/invalid-change")
    assert [fault["field"] for fault in problem["faults"]] == [
        "changes[0].thing.ref",
        "changes[0].thing.owner",
        "changes[1].ref",
        "changes[2].tenant",
        "changes[3].cascade",
        "changes[4].relationship.object",
        "changes[4].relationship.relation",
        "changes[4].relationship.expires_at",
    ]
    assert problem["field"] == "changes[0].thing.ref"


async def test_what_stands_in_the_way_is_told(client: ClientSession, stage: Stage) -> None:
    """What would die, by which digest; that another revision stands; what cannot be."""
    told = [
        (
            WouldKillManyError(40, DIGEST, 2),
            409,
            {"deaths": 40, "unsure": 2, "digest": DIGEST},
        ),
        (SupersededError("revision 9 stands"), 409, {"detail": "revision 9 stands"}),
        (
            InvalidChangeError((MemberFault("changes[0].ref", "is unknown"),)),
            400,
            {"faults": [{"field": "changes[0].ref", "detail": "is unknown"}]},
        ),
    ]
    for error, expected, members in told:
        stage.errors["facts.change"] = error
        status, problem = await refused(client, "POST", CHANGES, body(HELD))
        assert status == expected
        assert members.items() <= problem.items()


async def test_ten_thousand_changes_are_one_call(client: ClientSession, stage: Stage) -> None:
    """Their body is longer than any other may be; one change more is refused."""
    many = [{"op": "hold", "tenant": "acme", "ref": f"ticket:T-{at}"} for at in range(10_000)]

    status, _, _ = await call(client, "POST", CHANGES, OPERATOR, body(*many))
    assert status == 200
    assert len(stage.calls[0].arguments[0].change.changes) == 10_000

    status, problem = await refused(client, "POST", CHANGES, body(*many, HELD))
    assert (status, problem["field"]) == (400, "changes")


async def test_the_history_is_shown_and_taken_back(client: ClientSession, stage: Stage) -> None:
    """Who, when, why; what was changed, as it would be sent; and the way back."""
    status, shown, _ = await call(client, "GET", "/v1/facts/history?tenant=acme", OPERATOR)
    assert (status, shown["history"][0]["counts"]) == (200, {"hold": 1, "relate": 1})

    status, shown, _ = await call(client, "GET", "/v1/facts/history/7", OPERATOR)
    assert status == 200
    assert shown["changes"][0] == HELD

    how = {"reason": "a mistake", "dry_run": True, "base": 8}
    path = "/v1/facts/history/7/rollback"
    status, shown, _ = await call(client, "POST", path, OPERATOR, how)
    assert (status, shown["dry_run"]) == (200, True)
    assert stage.calls[-1].arguments == (7, How("a mistake", 8, is_dry=True))

    for path in ("/v1/facts/history/0", "/v1/facts/history/x", "/v1/facts/history/-1"):
        status, problem = await refused(client, "GET", path)
        assert (status, problem["field"]) == (400, "revision")


async def test_more_edits_than_may_wait_are_told_when_to_come_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The editors, and nobody else; those that wait are answered."""
    monkeypatch.setattr(EditLine.__init__, "__kwdefaults__", {"most": 2, "most_of_one": 2})
    async with serving(stage, Limits(drain_seconds=1.0)) as server:
        host, port = server.addresses[0]
        stage.held = asyncio.Event()
        async with ClientSession(f"http://{host}:{port}") as editors:
            waiting = [asyncio.create_task(edit(editors)) for _ in range(2)]
            while len(stage.calls) < 2:  # noqa: ASYNC110 - no event is set for the second
                await asyncio.sleep(0.01)
            for path in (CHANGES, "/v1/facts/history/7/rollback"):
                sent = body(HELD) if path == CHANGES else {"reason": "INC-7"}
                async with editors.post(path, headers=OPERATOR, json=sent) as refused_:
                    assert (refused_.status, refused_.headers["Retry-After"]) == (429, "1")
            stage.held.set()
            assert await asyncio.gather(*waiting) == [200, 200]
            assert await edit(editors) == 200


async def edit(editors: ClientSession) -> int:
    """Send an edit; return the status."""
    async with editors.post(CHANGES, headers=OPERATOR, json=body(HELD)) as answer:
        return answer.status
