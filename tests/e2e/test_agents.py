"""What operators see of agents: who is registered, and what is live. Nobody else sees anything."""

import base64
from urllib.parse import quote

import pytest

from tests.fakes.cast import (
    AGENT,
    BOTH_OPERATOR,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    ROOT_OPERATOR,
    SMALL,
    STOCK_OPERATOR,
    STOCK_ORCHESTRATOR,
    Who,
)
from tests.fakes.world import World

ACME = ["helper-bot", "invoice-bot", "report-bot", "small-bot"]
LIST = "/v1/agents"
INVOICE = f"{LIST}/invoice-bot"


async def names(world: World, who: Who, query: str = "") -> list[str]:
    """List to the end, and return the names."""
    pages = await world.pages(who, f"{LIST}{query}")
    return [agent["name"] for page in pages for agent in page["agents"]]


async def test_each_operator_lists_its_tenants_agents(world: World) -> None:
    """By tenant and name, and nobody of another tenant (I16)."""
    assert await names(world, OPERATOR) == ACME
    assert await names(world, STOCK_OPERATOR) == ["stock-bot"]
    assert await names(world, BOTH_OPERATOR) == [*ACME, "stock-bot"]
    assert await names(world, ROOT_OPERATOR) == [*ACME, "stock-bot", "tiny-bot", "tiny-helper"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?team=finance", ["invoice-bot", "report-bot"]),
        ("?name=*-bot", ["helper-bot", "invoice-bot", "report-bot", "small-bot"]),
        ("?name=?nvoice-*&status=active", ["invoice-bot"]),
        ("?name=stock-bot", []),
        ("?tenant=acme&team=finance&name=r*", ["report-bot"]),
        ("?tenant=globex", []),
        ("?tenant=no-such", []),
        ("?status=suspended", []),
        ("?team=no-such", []),
    ],
)
async def test_a_list_is_narrowed(world: World, query: str, expected: list[str]) -> None:
    """Each filter by itself, and all of them together; a foreign tenant is as empty as none."""
    assert await names(world, OPERATOR, query) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
async def test_pages_of_any_size_come_to_the_same_list(world: World, limit: int) -> None:
    """Across tenants, with a filter, and without a page that leads nowhere."""
    every = await names(world, BOTH_OPERATOR, f"?limit={limit}&name=*o*")

    assert every == [*ACME, "stock-bot"]


async def test_no_cursor_names_an_agent_of_another_tenant(world: World) -> None:
    """A forged one leads to one's own agents, or is refused (I16)."""
    pages = await world.pages(OPERATOR, f"{LIST}?limit=1")
    cursors = [page["next"].partition("cursor=")[2].partition("&")[0] for page in pages[:-1]]

    seen = "".join(
        base64.urlsafe_b64decode(f"{each}==").decode(errors="replace") for each in cursors
    )
    assert "acme:invoice-bot" in seen
    assert "stock" not in seen
    assert "globex" not in seen
    forged = base64.urlsafe_b64encode(b"123456789globex:stock").decode()
    for cursor in (forged, "x", ":", "acme:", "%00", "%7F", "a%20b", "z" * 600):
        answer = await world.get(OPERATOR, f"{LIST}?cursor={cursor}")
        assert (answer.status, answer.code) == (400, "invalid-request"), cursor
    other = await world.get(ROOT_OPERATOR, f"{LIST}?limit=1&cursor={cursors[0]}")
    assert (other.status, other.code) == (400, "invalid-request")


@pytest.mark.parametrize(
    "query",
    [
        *("?status=open", "?status=", "?tenant=", "?team=%0A", "?name=[a-z]", "?name=", "?owner=x"),
        *("?limit=0", "?limit=201", "?name=a&name=b", "?tenant=%E2%80%AEacme"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused(world: World, query: str) -> None:
    """Rather than to filter nothing, or everything."""
    answer = await world.get(OPERATOR, f"{LIST}{query}")

    assert (answer.status, answer.code) == (400, "invalid-request")


async def test_an_agent_is_shown_with_what_is_live_of_it(world: World) -> None:
    """What is registered, open tasks, live credentials by capability; ended ones count no more."""
    first, second = await world.open(), await world.open()
    ended = await world.open()
    await world.end(ended["id"])
    early = await world.issue(first["id"], ttl_seconds=60)
    late = await world.issue(second["id"], ttl_seconds=200)
    given_back = await world.issue(second["id"])
    await world.call(AGENT, "DELETE", f"/v1/credentials/{given_back['id']}")

    shown = await world.get(OPERATOR, INVOICE)

    assert shown.status == 200
    assert {name: shown[name] for name in ("name", "tenant", "owner", "status", "risk")} == {
        "name": "invoice-bot",
        "tenant": "acme",
        "owner": "billing@acme.example",
        "status": "active",
        "risk": "medium",
    }
    assert (shown["teams"], shown["quota"]) == (["finance"], {"limit": 100, "in_use": 2})
    assert (shown["tasks"]["open"], shown["tasks"]["complete"]) == (2, True)
    assert {task["id"] for task in shown["tasks"]["first"]} == {first["id"], second["id"]}
    assert shown["credentials"] == {
        "live": 2,
        "complete": True,
        "capabilities": {"orders-api": 2},
        "next_expiry": early["expires_at"],
        "last_issued_at": late["issued_at"],
    }
    assert shown["cuts"] == []
    listed = await world.get(OPERATOR, shown["tasks"]["all"])
    assert {task["id"] for task in listed["tasks"]} == {first["id"], second["id"]}


async def test_many_tasks_are_counted_and_some_are_shown(world: World) -> None:
    """The first page is short; the address of the list has them all."""
    for _ in range(22):
        await world.open()

    tasks = (await world.get(OPERATOR, INVOICE))["tasks"]

    assert (tasks["open"], tasks["complete"], len(tasks["first"])) == (22, True, 20)


async def test_a_helper_s_credential_is_the_helper_s(world: World) -> None:
    """It counts against the quota of whoever handed the task on, too."""
    root = await world.open()
    child = (await world.delegate(root["id"])).body
    await world.issue(child["id"], HELPER)

    above, below = [
        await world.get(OPERATOR, f"{LIST}/{name}") for name in ("invoice-bot", "helper-bot")
    ]

    assert (above["quota"]["in_use"], above["credentials"]["live"]) == (1, 0)
    assert (below["quota"]["in_use"], below["credentials"]["live"]) == (1, 1)


async def test_an_agent_that_was_cut_off_holds_nothing(world: World) -> None:
    """At once, whatever its quota still counts; the cut is shown."""
    await world.issue((await world.open())["id"])
    order = (await world.revoke(OPERATOR, agent="invoice-bot")).body
    await world.revoke(OPERATOR, agent="report-bot")
    await world.revoke(OPERATOR, capability="orders-api")
    wide = (await world.revoke(OPERATOR, tenant="acme")).body

    shown = await world.get(OPERATOR, INVOICE)

    assert shown["credentials"]["live"] == 0
    assert {cut["revocation"] for cut in shown["cuts"]} == {order["id"], wide["id"]}


async def test_a_cut_that_others_may_not_see_is_shown_to_none_of_them(world: World) -> None:
    """One that is not confined to a tenant is known to operators of all tenants only (I16)."""
    order = (await world.revoke(ROOT_OPERATOR, agent="invoice-bot")).body

    seen = [
        [cut["revocation"] for cut in (await world.get(who, INVOICE))["cuts"]]
        for who in (OPERATOR, ROOT_OPERATOR)
    ]

    assert seen == [[], [order["id"]]]


async def test_more_than_is_looked_at_is_said_to_be_more(world: World) -> None:
    """Work is bounded: what a quota counts beyond it is no number, but is not kept silent."""
    key = world.broker.ledger.keys.quota("agent", "invoice-bot")
    later = (world.now() + 3_600) * 1000
    places = [part for n in range(501) for part in (later, f"l_00_{n:026d}")]
    world.single.ask("ZADD", key, *places)
    await world.issue((await world.open(agent="small-bot"))["id"], SMALL)

    shown = await world.get(OPERATOR, INVOICE)

    assert shown["quota"]["in_use"] == 501
    assert (shown["credentials"]["live"], shown["credentials"]["complete"]) == (0, False)
    assert (await world.get(OPERATOR, f"{LIST}/small-bot"))["credentials"]["complete"]


async def test_who_may_not_act_is_listed_all_the_same(world: World) -> None:
    """Taking access away from the suspended is when one looks (I15)."""
    world.config.edit_agent("report-bot", status="suspended")
    await world.publish()

    assert await names(world, OPERATOR, "?status=suspended") == ["report-bot"]
    assert (await world.get(OPERATOR, f"{LIST}/report-bot"))["status"] == "suspended"


async def test_agents_of_the_facts_are_listed_with_what_is_said_of_them(world: World) -> None:
    """Like those of agents.yaml: who answers, the risk, a hold, and a review that was missed."""
    bot = {"ref": "agent:kim-bot", "status": "active", "owner": "person:kim", "purpose": "helps"}
    late = {**bot, "ref": "agent:old+bot", "review_by": "2020-12-31", "risk": "high"}
    puts = [{"ref": "person:kim", "status": "active"}, bot, late]
    changes: list[dict[str, object]] = [
        {"op": "put", "tenant": "acme", "thing": thing} for thing in puts
    ]
    changes.append({"op": "hold", "tenant": "acme", "ref": "agent:kim-bot"})
    made = await world.post(OPERATOR, "/v1/facts/changes", {"reason": "OPS-1", "changes": changes})
    assert made.status == 200

    assert await names(world, OPERATOR, "?limit=1") == sorted([*ACME, "kim-bot", "old+bot"])
    assert "kim-bot" not in await names(world, STOCK_OPERATOR)
    held, missed, plain = [
        await world.get(OPERATOR, f"{LIST}/{name}")
        for name in ("kim-bot", "old%2Bbot", "invoice-bot")
    ]
    assert (held["owner"], held["source"], held["status"]) == ("person:kim", "", "active")
    assert (held["hold"]["reason"], held["review_overdue"]) == ("OPS-1", False)
    assert (missed["review_by"], missed["review_overdue"]) == ("2020-12-31", True)
    assert (missed["risk"], missed["hold"]) == ("high", None)
    assert (plain["source"], plain["hold"], plain["review_by"]) == ("bundle", None, "")
    assert (await world.get(STOCK_OPERATOR, f"{LIST}/kim-bot")).status == 404


async def test_operators_look_while_no_policy_can_be_loaded(world: World) -> None:
    """Whoever may take access away sees what there is (I5)."""
    await world.issue((await world.open())["id"])
    broken = world.config.bundle.to_bytes().decode().replace("permit (", "permit [", 1)
    await world.publish_raw(broken, "digest-of-it")
    await world.refresh()
    assert (await world.readiness())[0] == 503

    shown = await world.get(OPERATOR, INVOICE)

    assert (shown.status, shown["credentials"]["live"]) == (200, 1)


STRANGERS = (AGENT, HELPER, ORCHESTRATOR, STOCK_ORCHESTRATOR, ORDERS)
HOSTILE = [
    *("..", ".", "-x", "a b", "a\nb", "\u202ebot", "é", "a" * 129, "<script>", "*", "?", "a?b"),
    *("%", "\x00", "a|acme", "{x}"),
]


async def test_no_agent_can_be_told_from_none(world: World) -> None:
    """To another tenant's operator it is absent; to whoever is no operator, everything is (I6)."""
    absent = await world.get(STOCK_OPERATOR, f"{LIST}/no-such-bot")
    foreign = await world.get(STOCK_OPERATOR, INVOICE)
    assert (foreign.status, foreign.raw) == (absent.status, absent.raw) == (404, absent.raw)

    answers = [
        await world.get(who, path)
        for who in STRANGERS
        for path in (LIST, INVOICE, f"{LIST}/no-such-bot", f"{LIST}/stock-bot")
    ]
    assert {(answer.status, answer.code) for answer in answers} == {(403, "access-denied")}
    assert len({answer.raw for answer in answers}) == 1


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_name_finds_nothing(world: World, name: str) -> None:
    """And names nothing else: refused, or absent."""
    answer = await world.get(OPERATOR, f"{LIST}/{quote(name, safe='')}")

    assert answer.status in (400, 404)
    assert name not in ("<script>", "{x}") or name.encode() not in answer.raw


@pytest.mark.parametrize("name", ["a/b", "acme:invoice-bot", "invoice-bot|acme", "INVOICE-BOT"])
async def test_a_name_is_one_name(world: World, name: str) -> None:
    """No other spelling leads to an agent."""
    assert (await world.get(OPERATOR, f"{LIST}/{quote(name, safe='')}")).status in (400, 404)
