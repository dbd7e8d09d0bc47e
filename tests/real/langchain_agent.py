"""An agent's tools by LangChain, each with a credential of its own; tells what came of it."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import StructuredTool

from broker.client.api import BrokerClient
from broker.client.endpoint import token_file
from broker.tools.langchain import with_credential
from broker.tools.need import Need, current_credential
from broker.tools.toolbox import Toolbox

NEEDS = {
    "read_orders": Need("orders-api", scopes=("orders:read",)),
    "leak_orders": Need("orders-api", scopes=("orders:read",), each_call=True),
    "burn_orders": Need("orders-api", scopes=("orders:burn",)),
}

used: list[str] = []


class Tracer(BaseCallbackHandler):
    """Keeps what is sent to whoever traces."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_tool_end(self, output: Any, **_: Any) -> None:
        """A tool has answered."""
        self.seen.append(repr(output))

    def on_tool_error(self, error: BaseException, **_: Any) -> None:
        """A tool has failed."""
        self.seen.append(repr((error, error.__cause__, error.__context__)))


async def read_orders(count: int) -> str:
    """Read so many orders."""
    used.append((await current_credential().token()).reveal())
    return f"{count} {used[-1]}"


async def leak_orders(count: int) -> str:
    """Fail as clients do, with the request in the error."""
    used.append((await current_credential().token()).reveal())
    raise RuntimeError(f"{count}: 401 for Bearer {used[-1]}")


async def main() -> None:
    """Call the tools once each, as a model would."""
    wire = aiohttp.UnixConnector(os.environ["BROKER_SOCKET"])
    source = token_file(Path(os.environ["BROKER_TOKEN_FILE"]))
    async with aiohttp.ClientSession(
        connector=wire, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        client = BrokerClient("http://localhost", source, session)
        async with client.resume(os.environ["BROKER_TASK_ID"]) as task:
            toolbox = Toolbox(task, NEEDS)
            tools = [
                with_credential(
                    StructuredTool.from_function(
                        coroutine=leak_orders if name == "leak_orders" else read_orders,
                        name=name,
                        handle_tool_error=True,
                    ),
                    toolbox,
                )
                for name in NEEDS
            ]
            tracer = Tracer()
            config: RunnableConfig = {"callbacks": [tracer]}
            said = [str(await tool.ainvoke({"count": 3}, config)) for tool in tools]
            streamed = [str(chunk) async for chunk in tools[0].astream({"count": 4}, config)]
            told = {"said": said, "streamed": streamed, "traced": tracer.seen, "used": used}
            told["arguments"] = list(tools[0].args)
            print(json.dumps(told), flush=True)  # noqa: T201
            await asyncio.to_thread(input)


asyncio.run(main())
