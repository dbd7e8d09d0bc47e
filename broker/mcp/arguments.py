"""Arguments that a tool has not are refused: a model that writes ``ttl`` must not think it counts.

The SDK leaves them out in silence.
"""

from collections.abc import Iterable
from typing import Any, Final

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, TextContent

from broker.tools.refusals import named

_CALL: Final = "tools/call"


class KnownArguments:
    """Middleware: compares what a tool is called with and what it has."""

    def __init__(self) -> None:
        self._server: MCPServer | None = None

    def of(self, server: MCPServer) -> None:
        """Take the tools of a server for those that are called."""
        self._server = server

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Answer in the tool's place where it has not all of the arguments."""
        params = ctx.params or {}
        given = params.get("arguments")
        if ctx.method != _CALL or not isinstance(given, dict):
            return await call_next(ctx)
        known = await self._known(params.get("name"))
        if known is None or not (unknown := given.keys() - known):
            return await call_next(ctx)
        return _refused(unknown, known)

    async def _known(self, name: object) -> frozenset[str] | None:
        tools = await self._server.list_tools() if self._server else []
        schema = next((tool.input_schema for tool in tools if tool.name == name), None)
        return None if schema is None else frozenset(schema.get("properties", ()))


def _refused(unknown: Iterable[str], known: Iterable[str]) -> CallToolResult:
    text = f"Refused: it takes no {named(unknown)}. It takes: {named(known)}."
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
