"""An MCP server each of whose tools has a credential of its own, as middleware of the official SDK.

    async with broker.task(…) as task:
        needs = {"search_orders": Need("orders-api", scopes=("orders:read",))}
        server = MCPServer("orders", middleware=[ToolCredentials(Toolbox(task, needs))])

A tool takes what is its own by :func:`broker.tools.need.current_credential`. The model never sees
it: it is in no argument and in no result. A tool that is refused its credential is not run.
"""

from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, TextContent

from broker.client.errors import ClientError
from broker.tools.need import holding
from broker.tools.refusals import told
from broker.tools.toolbox import Toolbox

_CALL: Final = "tools/call"


class ToolCredentials:
    """Middleware (``mcp.server.context.ServerMiddleware``) around the tools of a server."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Give the tool that is called what it needs; pass everything else on."""
        name = (ctx.params or {}).get("name")
        if ctx.method != _CALL or not isinstance(name, str) or not self._toolbox.needs(name):
            return await call_next(ctx)
        try:
            held = await self._toolbox.credential(name)
        except ClientError as refusal:
            return CallToolResult(
                content=[TextContent(type="text", text=told(refusal))], is_error=True
            )
        with holding(held):
            return await call_next(ctx)
