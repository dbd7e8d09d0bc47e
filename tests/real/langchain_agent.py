"""An agent's tools by LangChain, each with a credential of its own; tells what came of it."""

import asyncio
import json
import os
from pathlib import Path

import aiohttp
from langchain_core.tools import StructuredTool

from broker.client.api import BrokerClient
from broker.client.endpoint import token_file
from broker.tools.langchain import with_credential
from broker.tools.need import Need, current_credential
from broker.tools.toolbox import Toolbox

NEEDS = {
    "read_orders": Need("orders-api", scopes=("orders:read",)),
    "burn_orders": Need("orders-api", scopes=("orders:burn",)),
}


async def read_orders(count: int) -> str:
    """Read so many orders."""
    token = (await current_credential().token()).reveal()
    return f"{count} {token}"


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
                        coroutine=read_orders, name=name, handle_tool_error=True
                    ),
                    toolbox,
                )
                for name in NEEDS
            ]
            said = [str(await tool.ainvoke({"count": 3})) for tool in tools]
            print(json.dumps({"said": said, "arguments": list(tools[0].args)}), flush=True)  # noqa: T201
            await asyncio.to_thread(input)


asyncio.run(main())
