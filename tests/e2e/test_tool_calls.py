"""What a tool of an MCP server has for one call, and what it says; by the official SDK."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError

from broker.tools.mcp_middleware import ToolCredentials
from broker.tools.need import Need, current_credential
from broker.tools.toolbox import Toolbox
from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.eventually_true import eventually_true
from tests.fakes.world import World
from tests.fakes.world_client import client_of

READ = Need("orders-api", scopes=("orders:read",), each_call=True)


@dataclass
class Tools:
    """What the tools of a test have held, and an agent that calls them."""

    agent: Client
    server: MCPServer
    task: str
    used: list[str] = field(default_factory=list)
    is_held: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self) -> str:
        """Take the credential of the tool that is called."""
        self.used.append((await current_credential().token()).reveal())
        self.is_held.set()
        return self.used[-1]


async def _says(tools: Tools) -> str:
    return f"debug: Bearer {await tools.take()}!"


async def _says_more(tools: Tools) -> dict[str, list[str]]:
    return {"headers": [f"Bearer {await tools.take()}"]}


async def _complains(tools: Tools) -> str:
    raise ToolError(f"401 for Bearer {await tools.take()}")


async def _fails(tools: Tools) -> str:
    raise RuntimeError(await tools.take())


async def _refuses(tools: Tools) -> str:
    raise MCPError(-32000, f"not with {await tools.take()}")


async def _hangs(tools: Tools) -> str:
    await tools.take()
    await asyncio.Event().wait()
    return "never"


WORK: dict[str, Callable[[Tools], Awaitable[object]]] = {
    work.__name__.strip("_"): work
    for work in (_says, _says_more, _complains, _fails, _refuses, _hangs)
}


@asynccontextmanager
async def tools_of(world: World) -> AsyncIterator[Tools]:
    """Let an agent call the tools of a task."""
    opened = await world.open()
    needs = dict.fromkeys(WORK, READ)
    async with client_of(world, AGENT) as broker, broker.resume(opened["id"]) as task:
        server: MCPServer = MCPServer("t", middleware=[ToolCredentials(Toolbox(task, needs))])
        async with Client(server) as agent:
            tools = Tools(agent, server, opened["id"])
            for name, work in WORK.items():
                server.add_tool(_bound(work, tools), name=name, structured_output=False)
            yield tools


def _bound(
    work: Callable[[Tools], Awaitable[object]], tools: Tools
) -> Callable[[], Awaitable[object]]:
    async def call() -> object:
        return await work(tools)

    return call


async def test_a_credential_of_one_call_is_dead_when_the_call_has_ended(world: World) -> None:
    """And the next call has another one."""
    async with tools_of(world) as tools:
        for _ in range(2):
            await tools.agent.call_tool("says", {})

        first, second = tools.used
        assert first != second
        assert [await world.is_active(token) for token in (first, second)] == [False, False]
        shown = await world.get(OPERATOR, f"/v1/tasks/{tools.task}/credentials")
        assert [each["ended_by"] for each in shown["credentials"]] == ["given-back"] * 2


@pytest.mark.parametrize("tool", ["complains", "fails", "refuses"])
async def test_it_is_dead_however_the_tool_has_failed(world: World, tool: str) -> None:
    """The failure is what the model reads."""
    async with tools_of(world) as tools:
        answer = await tools.agent.call_tool(tool, {})

        assert answer.is_error
        assert not await world.is_active(tools.used[0])


@asynccontextmanager
async def _over_http(server: MCPServer) -> AsyncIterator[str]:
    """Serve by Streamable HTTP; tell where."""
    serving = uvicorn.Server(
        uvicorn.Config(server.streamable_http_app(), port=0, log_config=None, lifespan="on")
    )
    running = asyncio.create_task(serving.serve())
    while not serving.started:
        assert not running.done()
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{serving.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        serving.should_exit = True
        await running


async def test_over_http_each_call_of_each_client_has_its_own(world: World) -> None:
    """However many are under way; all are dead when they have ended."""
    async with tools_of(world) as tools, _over_http(tools.server) as url:
        async with Client(url) as one, Client(url) as other:
            said = await asyncio.gather(
                *(agent.call_tool("says", {}) for agent in (one, other) for _ in range(3))
            )

        assert not any(each.is_error for each in said)
        assert len(set(tools.used)) == 6
        assert not any([await world.is_active(token) for token in tools.used])
        assert not any(token in str(said) for token in tools.used)


async def test_it_is_dead_when_the_call_is_given_up(world: World) -> None:
    """Although the tool would have gone on."""
    async with tools_of(world) as tools:
        call = asyncio.create_task(tools.agent.call_tool("hangs", {}))
        await tools.is_held.wait()
        was_alive = await world.is_active(tools.used[0])

        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call

        async def is_dead() -> bool:
            return not await world.is_active(tools.used[0])

        assert was_alive
        await eventually_true(is_dead, "the end of the call", 30)


@pytest.mark.parametrize("tool", ["says", "says_more", "complains", "fails", "refuses"])
async def test_what_a_tool_says_has_no_credential_in_it(world: World, tool: str) -> None:
    """A model reads it, and a transcript keeps it."""
    async with tools_of(world) as tools:
        answer = await tools.agent.call_tool(tool, {})

        assert tools.used[0] not in str(answer)
        assert ("***" in str(answer)) is (tool != "fails")  # of which the SDK tells nothing
