"""Each tool of an MCP server has its own credential: the official SDK, and a whole broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from mcp import Client
from mcp.server import MCPServer
from mcp.types import CallToolResult

from broker.client.errors import TaskLostError
from broker.client.task_scope import TaskScope
from broker.tools.mcp_middleware import ToolCredentials
from broker.tools.need import Need, NoCredentialError, current_credential
from broker.tools.toolbox import Toolbox
from tests.e2e.test_mcp_server import text
from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.world import World
from tests.fakes.world_client import client_of

READ = Need("orders-api", scopes=("orders:read",))
NEEDS = {
    "read_orders": READ,
    "count_orders": READ,
    "burn_orders": Need("orders-api", scopes=("orders:burn",)),
    "foreign": Need("orders-api", scopes=("orders:read",), origin="https://mcp.example/foreign"),
}


def tools_server(toolbox: Toolbox) -> tuple[MCPServer, list[str]]:
    """Make a server whose tools remember what they were given."""
    used: list[str] = []
    server: MCPServer = MCPServer("orders", middleware=[ToolCredentials(toolbox)])

    async def use() -> str:
        used.append((await current_credential().token()).reveal())
        return "done"

    for name in NEEDS:
        server.add_tool(use, name=name)

    @server.tool()
    async def plain() -> str:
        try:
            current_credential()
        except NoCredentialError:
            return "nothing"
        return "something"

    return server, used


@asynccontextmanager
async def working(world: World) -> AsyncIterator[tuple[TaskScope, Client, list[str]]]:
    """Let an agent work with the tools."""
    opened = await world.open()
    async with client_of(world, AGENT) as broker, broker.resume(opened["id"]) as task:
        server, used = tools_server(Toolbox(task, NEEDS))
        async with Client(server) as agent:
            yield task, agent, used


async def test_each_tool_has_a_credential_of_its_own_for_as_long_as_the_task_is_open(
    world: World,
) -> None:
    """Had at the first call, kept for the next, and dead with the task; no model sees it."""
    async with working(world) as (_, agent, used):
        answers: list[CallToolResult] = [
            await agent.call_tool(name, {}) for name in ("read_orders", "count_orders")
        ]
        await agent.call_tool("read_orders", {})

        first, second, third = used
        assert first != second
        assert first == third
        assert [text(each) for each in answers] == ["done", "done"]
        assert [await world.is_active(token) for token in (first, second)] == [True, True]

    assert [await world.is_active(token) for token in (first, second)] == [False, False]


async def test_a_hundred_calls_at_once_ask_for_one_credential(world: World) -> None:
    """However slow the broker is."""
    async with working(world) as (task, agent, used):
        await asyncio.gather(*(agent.call_tool("read_orders", {}) for _ in range(100)))

        assert (len(used), len(set(used))) == (100, 1)
        shown = await world.get(OPERATOR, f"/v1/tasks/{task.id}/credentials")
        assert len(shown["credentials"]) == 1


async def test_a_tool_that_is_refused_its_credential_is_not_run(world: World) -> None:
    """The model is told so; other tools go on."""
    async with working(world) as (_, agent, used):
        refused = await agent.call_tool("burn_orders", {})
        by_tool = await agent.call_tool("foreign", {})
        other = await agent.call_tool("read_orders", {})

        assert refused.is_error
        assert text(refused).startswith("Refused: 403 access-denied")
        assert by_tool.is_error
        assert not other.is_error
        assert len(used) == 1


async def test_a_tool_without_a_need_has_none(world: World) -> None:
    """Also after another tool has had its own."""
    async with working(world) as (_, agent, _):
        await agent.call_tool("read_orders", {})

        assert text(await agent.call_tool("plain", {})) == "nothing"


async def test_one_tool_loses_its_credential_and_the_others_keep_theirs(world: World) -> None:
    """By an operator's order on that one; a new call does not bring it back."""
    async with working(world) as (task, agent, used):
        for name in ("read_orders", "count_orders"):
            await agent.call_tool(name, {})
        read, counted = used
        listed = await world.get(OPERATOR, f"/v1/tasks/{task.id}/credentials")
        mine = sorted(listed["credentials"], key=lambda each: str(each["issued_at"]))
        await world.revoke(credential=mine[0]["id"])

        alive = [await world.is_active(token) for token in (read, counted)]

        assert sorted(alive) == [False, True]


async def test_after_the_tasks_end_no_tool_is_run(world: World) -> None:
    """Whether it has had a credential before or not; whoever holds the task is told."""
    with pytest.raises(TaskLostError, match="was cancelled before"):
        await _call_after_the_end(world)


async def _call_after_the_end(world: World) -> None:
    async with working(world) as (task, agent, used):
        await agent.call_tool("read_orders", {})
        await world.end(task.id, "cancel", OPERATOR)

        async with asyncio.timeout(20):
            while not task.was_ended.is_set():
                await agent.call_tool("count_orders", {})
        refused = [await agent.call_tool(name, {}) for name in ("read_orders", "count_orders")]

        assert all(each.is_error for each in refused)
        assert len(used) == 1
