"""An MCP server each of whose tools has a credential of its own, as middleware of the official SDK.

    async with broker.task(…) as task:
        needs = {"search_orders": Need("orders-api", scopes=("orders:read",))}
        server = MCPServer("orders", middleware=[ToolCredentials(Toolbox(task, needs))])

A tool takes what is its own by :func:`broker.tools.need.current_credential`. The model never sees
it: it is in no argument, and masked in a result. A tool that is refused its credential is not run.
"""

from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel

from broker.tools.calling import Call, ToolRefusedError, calling
from broker.tools.masking import masked
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
            async with calling(self._toolbox, name) as call:
                return await _said(call, ctx, call_next)
        except ToolRefusedError as refusal:
            return _error(str(refusal))


async def _said(
    call: Call, ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    try:
        return _masked(await call_next(ctx), call)
    except MCPError as error:
        text = masked(str(error), call.secrets())
        if text == str(error):
            raise
    return _error(text)


def _masked(result: HandlerResult, call: Call) -> HandlerResult:
    if not isinstance(result, BaseModel):
        return result if result is None else masked(result, call.secrets())
    said = result.model_dump(by_alias=True)
    harmless = masked(said, call.secrets())
    return result if harmless == said else type(result).model_validate(harmless)


def _error(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
