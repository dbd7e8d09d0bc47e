"""An agent as the command of a run: it starts the MCP server by the official SDK, and calls it.

It reads ``calls.json`` ([[tool, arguments], …]; "$credential" is what was given last), writes what
it was answered to ``answers.json``, and goes on when the test says so: once with the server, once
without.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client

SERVER = StdioServerParameters(
    command=sys.executable, args=["-m", "broker", "mcp", "serve"], env=dict(os.environ)
)


def wait_for(file: str) -> None:
    """Wait for the test."""
    while not Path(file).exists():
        time.sleep(0.02)


async def main() -> None:
    """Call, and leave."""
    answers: list[dict[str, Any]] = []
    given = ""
    async with Client(stdio_client(SERVER)) as agent:
        for tool, arguments in json.loads(Path("calls.json").read_text()):  # noqa: ASYNC240
            filled = {n: given if w == "$credential" else w for n, w in arguments.items()}
            result = await agent.call_tool(tool, filled)
            told: dict[str, Any] = result.structured_content or {}
            given = told.get("credential", given)
            text = "\n".join(getattr(each, "text", "") for each in result.content)
            answers.append({"is_error": result.is_error, "text": text, "told": told})
        Path("answers.json").write_text(json.dumps(answers))  # noqa: ASYNC240
        Path("started").touch()  # noqa: ASYNC240
        await asyncio.to_thread(wait_for, "go")
    Path("left").touch()  # noqa: ASYNC240
    await asyncio.to_thread(wait_for, "end")


if __name__ == "__main__":
    asyncio.run(main())
