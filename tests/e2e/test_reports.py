"""Reports: every lease exactly once, page by page, by whoever may look."""

import pytest

from tests.fakes.cast import (
    AGENT,
    OPERATOR,
    ORCHESTRATOR,
    REPORTER,
    ROOT_OPERATOR,
    STOCK_AGENT,
    STOCK_OPERATOR,
    STOCK_ORCHESTRATOR,
    Who,
)
from tests.fakes.world import World

REPORT = {"capability": "reports-read", "scopes": ["reports:read"]}
OFFLINE = {"capability": "legacy-api", "scopes": ["orders:read"]}
READ = {"capability": "orders-api", "scopes": ["orders:read"]}


class Tree:
    """A task with children and grandchildren, some of them without any credential."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.root = ""
        self.leases: list[str] = []

    async def grow(self, *, leases: int = 3, children: int = 4) -> "Tree":
        """Open and issue."""
        self.root = (await self.world.open())["id"]
        await self._issue(self.root, leases)
        for number in range(children):
            child = (await self.world.delegate(self.root, agent="invoice-bot"))["id"]
            await self._issue(child, leases if number % 2 else 0)
            grandchild = (await self.world.delegate(child, agent="invoice-bot"))["id"]
            await self._issue(grandchild, 1)
        return self

    async def _issue(self, task: str, count: int) -> None:
        for _ in range(count):
            self.leases.append((await self.world.issue(task))["id"])

    @property
    def report(self) -> str:
        """Where its report is."""
        return f"/v1/tasks/{self.root}/report"


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 100])
async def test_a_report_of_a_tree_holds_every_lease_once(world: World, limit: int) -> None:
    """Whatever the page's size; and asked for again it is the same."""
    tree = await Tree(world).grow()
    await world.end(tree.root)
    await world.settle()

    pages = await world.pages(AGENT, f"{tree.report}?limit={limit}")
    again = await world.pages(AGENT, f"{tree.report}?limit={limit}")

    receipts = [receipt for page in pages for receipt in page["receipts"]]
    assert sorted(r["credential"] for r in receipts) == sorted(tree.leases)
    assert all(len(page["receipts"]) <= limit for page in pages)
    assert all(sum(page["counts"].values()) == len(page["receipts"]) for page in pages)
    assert [page["receipts"] for page in again] == [page["receipts"] for page in pages]
    assert all(page["task"]["id"] == tree.root and page["durability"] == "os" for page in pages)


async def test_a_page_of_a_report_is_bounded_in_work(world: World) -> None:
    """A wide tree without credentials is walked in short pages, not all at once."""
    await world.stop()
    await world.start(tasks=world.task_limits(max_children=200))
    root = (await world.open())["id"]
    for _ in range(120):
        await world.delegate(root)
    await world.end(root)

    pages = await world.pages(AGENT, f"/v1/tasks/{root}/report")

    assert len(pages) > 1
    assert all(page["receipts"] == [] for page in pages)


async def test_what_is_alive_has_no_receipt(world: World) -> None:
    """A report of an open task shows what has ended in it so far."""
    task = await world.open()
    back, kept = await world.issue(task["id"]), await world.issue(task["id"])
    await world.call(AGENT, "DELETE", f"/v1/credentials/{back['id']}")

    receipts = await world.receipts(AGENT, f"/v1/tasks/{task['id']}/report")

    assert [receipt["credential"] for receipt in receipts] == [back["id"]]
    assert await world.is_active(kept["access_token"])


async def test_each_receipt_says_how_far_its_death_has_come(world: World) -> None:
    """By how its resource server checks."""
    task = await world.open(agent="report-bot", ceiling=[REPORT, OFFLINE, READ])
    holder = REPORTER
    introspected = await world.issue(task["id"], holder, **REPORT)
    offline = await world.issue(task["id"], holder, **OFFLINE)
    fed = await world.issue(task["id"], holder, **READ)
    aged = await world.issue(task["id"], holder, **READ, ttl_seconds=5)
    await world.pass_time(6)
    await world.end(task["id"], "complete", holder)
    await world.settle()

    receipts = {
        r["credential"]: r for r in await world.receipts(holder, f"/v1/tasks/{task['id']}/report")
    }

    assert receipts[introspected["id"]]["state"] == "confirmed"
    assert receipts[offline["id"]]["state"] == "irrevocable"
    assert receipts[fed["id"]]["state"] in ("requested", "accepted")
    assert receipts[aged["id"]]["state"] == "expired"
    assert receipts[aged["id"]]["revoked_at"] == aged["expires_at"]
    for issued in (introspected, offline, fed):
        receipt = receipts[issued["id"]]
        assert receipt["audience"] == issued["audience"]
        assert receipt["expires_at"] == issued["expires_at"]
        assert receipt["kind"] == "jwt"


async def test_a_feed_receipt_is_confirmed_when_nobody_can_still_believe(world: World) -> None:
    """No subscriber is connected: once the strict bound has passed, its view is too old."""
    task = await world.open()
    await world.issue(task["id"])
    report = await world.end(task["id"])
    assert [r["state"] for r in report["receipts"]] == ["accepted"]

    await world.until_state(AGENT, f"/v1/tasks/{task['id']}/report", "confirmed")


@pytest.mark.parametrize(
    "selector", [{"agent": "invoice-bot"}, {"all": True}, {"capability": "orders-api"}]
)
@pytest.mark.parametrize("limit", [1, 4, 200])
async def test_a_report_of_a_cut_holds_every_lease_once(
    world: World, selector: dict[str, object], limit: int
) -> None:
    """Over all buckets, trees within trees included."""
    trees = [await Tree(world).grow(leases=2, children=2) for _ in range(3)]

    ordered = await world.revoke(OPERATOR, **selector)
    await world.settle()
    await world.settle()

    path = f"/v1/revocations/{ordered['id']}/report?limit={limit}"
    pages = await world.pages(OPERATOR, path)
    again = await world.pages(OPERATOR, path)
    found = [r["credential"] for page in pages for r in page["receipts"]]
    assert sorted(found) == sorted(lease for tree in trees for lease in tree.leases)
    assert all(len(page["receipts"]) <= limit for page in pages)
    assert [page["receipts"] for page in again] == [page["receipts"] for page in pages]
    assert all(page["revocation"]["id"] == ordered["id"] for page in pages)


async def test_a_report_does_not_change_with_what_comes_after(world: World) -> None:
    """Leases issued after the cut are none of its business."""
    tree = await Tree(world).grow(leases=1, children=1)
    ordered = await world.revoke(OPERATOR, capability="orders-api")
    await world.settle()
    later = await world.open()
    await world.issue(later["id"])
    in_the_same_task = await world.issue(tree.root)

    receipts = await world.receipts(OPERATOR, f"/v1/revocations/{ordered['id']}/report")

    assert sorted(r["credential"] for r in receipts) == sorted(tree.leases)
    assert await world.is_active(in_the_same_task["access_token"])


async def test_cursors_do_not_lead_elsewhere(world: World) -> None:
    """One of another task, tenant or report is refused; so is anything made up."""
    mine = await Tree(world).grow(leases=2, children=1)
    other = await Tree(world).grow(leases=2, children=1)
    stock = await world.open(STOCK_ORCHESTRATOR, tenant="globex", agent="stock-bot")
    for _ in range(2):
        await world.issue(stock["id"], STOCK_AGENT)
    ordered = await world.revoke(OPERATOR, agent="invoice-bot")
    await world.settle()

    async def cursor_of(who: Who, path: str) -> str:
        page = await world.get(who, f"{path}?limit=1")
        return str(page["next"]).partition("cursor=")[2].partition("&")[0]

    report = f"/v1/revocations/{ordered['id']}/report"
    cursors = [
        await cursor_of(AGENT, other.report),
        await cursor_of(STOCK_AGENT, f"/v1/tasks/{stock['id']}/report"),
        await cursor_of(OPERATOR, report),
        *MADE_UP,
    ]
    for cursor in cursors:
        answer = await world.get(AGENT, f"{mine.report}?cursor={cursor}")
        assert (answer.status, answer["field"]) == (400, "cursor"), cursor
    of_a_task = await cursor_of(STOCK_AGENT, f"/v1/tasks/{stock['id']}/report")
    for cursor in (of_a_task, f"0.0.0%2F{of_a_task}", *MADE_UP):
        answer = await world.get(OPERATOR, f"{report}?cursor={cursor}")
        assert (answer.status, answer["field"]) == (400, "cursor"), cursor


MADE_UP = (
    "x",
    "0",
    "-1",
    "9.9.9",
    "99.0.0",
    "0.99.0",
    "1.2.3.4",
    "0.0.0%2Fx",
    "~",
    "0.0.0%2F~",
    f"t_00_{'a' * 26}.0.0",
    f"c_00_{'a' * 26}.0.0",
    f"0.0.0%2Fc_00_{'a' * 26}.0.0",
    "0.0.99999999999999999999",
    "%C2%B2.0.0",
)


@pytest.mark.parametrize("cursor", ["x", "-1", "1_0", "9" * 30, "1.0", "%C2%B2"])
async def test_made_up_cursors_of_lists_are_refused(world: World, cursor: str) -> None:
    """Of tasks and of credentials."""
    task = await world.open()
    for who, path in ((OPERATOR, "/v1/tasks"), (AGENT, f"/v1/tasks/{task['id']}/credentials")):
        answer = await world.get(who, f"{path}?cursor={cursor}")
        assert (answer.status, answer["field"]) == (400, "cursor"), path


async def test_who_may_see_the_task_may_see_its_report(world: World) -> None:
    """And nobody else."""
    tree = await Tree(world).grow(leases=1, children=0)
    await world.end(tree.root)

    seen = {
        who.name + who.instance: (await world.get(who, tree.report)).status
        for who in (AGENT, AGENT.at("pod-2"), ORCHESTRATOR, OPERATOR, ROOT_OPERATOR, STOCK_OPERATOR)
    }

    assert list(seen.values()) == [200, 404, 200, 200, 200, 404]
