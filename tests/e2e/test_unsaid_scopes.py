"""A ceiling that does not say which scopes: the only one is meant, and none is ever guessed."""

from pathlib import Path

from tests.e2e.test_fact_routes import change, put
from tests.e2e.test_reasons_end import DESK, desk_bot
from tests.fakes.cast import AGENT, ORCHESTRATOR, STOCK_ORCHESTRATOR
from tests.fakes.run_world import runs
from tests.fakes.world import World, task_body

ORDERS = {"capability": "orders-api"}
REPORTS = {"capability": "reports-read"}


async def test_the_only_scope_of_a_capability_need_not_be_said(world: World) -> None:
    """The task shows it, policy has decided about it, and a repeat is the same task."""
    asked = task_body(ceiling=[REPORTS, {"capability": "orders-export", "scopes": None}])

    first = await world.post(ORCHESTRATOR, "/v1/tasks", asked, key="once")
    again = await world.post(ORCHESTRATOR, "/v1/tasks", asked, key="once")

    assert (first.status, again.status) == (201, 200)
    assert first["ceiling"] == [
        {"capability": "reports-read", "scopes": ["reports:read"]},
        {"capability": "orders-export", "scopes": ["orders:export"]},
    ]
    assert again["id"] == first["id"]


async def test_of_several_scopes_none_is_chosen(world: World) -> None:
    """They are named to whoever asks for its own tenant, and to nobody else."""
    asked = task_body(ceiling=[REPORTS, ORDERS])

    own = await world.post(ORCHESTRATOR, "/v1/tasks", asked)
    foreign = await world.post(STOCK_ORCHESTRATOR, "/v1/tasks", asked)

    assert (own.status, own["field"]) == (400, "ceiling[1].scopes")
    assert own["detail"] == "say which of orders-api: orders:read, orders:write"
    assert foreign.status == 403
    assert b"orders:write" not in foreign.raw


async def test_an_agents_own_ceiling_may_leave_only_one(world: World) -> None:
    """Or none at all, which is refused before policy is asked."""
    bot = desk_bot(ceiling=["orders-api orders:read"])
    assert (await change(world, put("person:dana"), bot)).status in (200, 201)

    one = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(agent=DESK.name, ceiling=[ORDERS]))
    none = await world.post(
        ORCHESTRATOR, "/v1/tasks", task_body(agent=DESK.name, ceiling=[REPORTS])
    )

    assert one["ceiling"] == [{"capability": "orders-api", "scopes": ["orders:read"]}]
    assert (none.status, none["field"]) == (400, "ceiling[0].scopes")
    assert none["detail"] == "reports-read is beyond the ceiling of this agent"


async def test_a_child_may_leave_it_out_too(world: World) -> None:
    """What is meant is held to its parent's ceiling like anything else."""
    task = await world.open(ceiling=[{"capability": "reports-read", "scopes": ["reports:read"]}])

    within = await world.delegate(task["id"], AGENT, ceiling=[REPORTS])
    wider = await world.delegate(task["id"], AGENT, ceiling=[{"capability": "orders-export"}])

    assert within["ceiling"] == [{"capability": "reports-read", "scopes": ["reports:read"]}]
    assert wider.status == 403


async def test_a_run_need_not_say_the_only_scope(world: World, tmp_path: Path) -> None:
    """A need by itself is enough where there is one thing to do; else the scopes are named."""
    async with runs(world, tmp_path) as begin:
        one = begin('cat "$REPORTS_READ_TOKEN_FILE" > token', needs=("--need", "reports-read"))
        several = begin("touch started", needs=("--need", "orders-api"))
        ended, refused = await one.ended(), await several.ended()

    assert ended[0] == 0, ended[2]
    assert one.read("token")
    assert refused[0] not in (0, 127)
    assert "say which of orders-api: orders:read, orders:write" in refused[2]
    assert not (several.folder / "started").exists()
