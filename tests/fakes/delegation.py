"""Work that a person has an agent do for her, in a :class:`~tests.fakes.world.World`."""

from typing import Any, Final

from tests.fakes.cast import AGENT, DANA, Who
from tests.fakes.people import change, register
from tests.fakes.world import Answer, World, issue_body, task_body

EXPORT: Final = [{"capability": "orders-export", "scopes": ["orders:export"]}]
AGENTS_EXPORT: Final = """
@id("agents-export")
permit (
  principal is Agent,
  action in [Action::"RequestCredential", Action::"RenewCredential"],
  resource is Capability
)
when { principal.tenant == context.task.tenant && context.scopes == ["orders:export"] };
"""
RIGHT: Final = {
    "subject": "person:dana",
    "relation": "entitled-to",
    "object": "dataset:orders",
}
ENTITLED: Final = {"op": "relate", "relationship": RIGHT}
UNENTITLED: Final = {"op": "unrelate", "relationship": RIGHT}


async def prepare(world: World) -> None:
    """Let agents export orders, and entitle dana to the orders."""
    world.config.write("policies/50-world.cedar", AGENTS_EXPORT)
    await world.publish()
    await register(world, DANA)
    dataset = {"ref": "dataset:orders", "status": "active"}
    await change(world, {"op": "put", "thing": dataset}, ENTITLED)


async def open_own(world: World, who: Who = DANA, **said: object) -> Answer:
    """Have a person open a task of her own."""
    body = task_body(**{"instance": ..., "ceiling": EXPORT, **said})
    return await world.post(who, "/v1/tasks", body)


async def claim(world: World, task: Any, who: Who = AGENT, **said: object) -> Answer:
    """Have an agent claim what it was handed."""
    handle = {"handle": task["claim_handle"], **said}
    return await world.post(who, f"/v1/tasks/{task['id']}/claim", handle)


async def lent(world: World, who: Who = AGENT) -> Any:
    """Open a task as dana, and have the agent claim it."""
    task = (await open_own(world)).body
    assert (await claim(world, task, who)).status == 200
    return task


async def ask(world: World, task: str, who: Who = AGENT, **said: object) -> Answer:
    """Ask for what dana is entitled to."""
    body = issue_body(capability="orders-export", scopes=["orders:export"], **said)
    return await world.post(who, f"/v1/tasks/{task}/credentials", body)
