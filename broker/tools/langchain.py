"""A LangChain tool that has a credential of its own.

    search = with_credential(search, toolbox)

The tool is the one that it was, name, arguments and description, and takes what is its own by
:func:`broker.tools.need.current_credential`. A refusal is a ``ToolException``: the model reads it
where the tool says ``handle_tool_error=True``, as LangChain does it.

What the tool returns or raises goes to the model, to callbacks and tracers: its credential is
masked there. An error that held it is a ``ToolException`` without its cause.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.tools import StructuredTool, ToolException

from broker.tools.calling import Call, ToolRefusedError, calling
from broker.tools.masking import masked
from broker.tools.toolbox import Toolbox


def with_credential(tool: StructuredTool, toolbox: Toolbox) -> StructuredTool:
    """Return the same tool, which has its credential while it runs.

    Args:
        tool: an asynchronous one (it has a ``coroutine``).
        toolbox: knows its need by its name.

    Raises:
        ValueError: it is not asynchronous, or has declared no need.
    """
    if tool.coroutine is None:
        raise ValueError(f"{tool.name}: give it a coroutine; the broker is asked by one")
    if not toolbox.needs(tool.name):
        raise ValueError(f"{tool.name}: declare what it needs")
    return tool.model_copy(
        update={"coroutine": _holding(tool.name, tool.coroutine, toolbox), "func": None}
    )


def _holding(
    name: str, work: Callable[..., Awaitable[Any]], toolbox: Toolbox
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(work)
    async def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the tool's own
        try:
            async with calling(toolbox, name) as current:
                return masked(await _done(current, work(*arguments, **named)), current.secrets())
        except ToolRefusedError as refusal:
            raise ToolException(str(refusal)) from refusal

    return call


async def _done(current: Call, work: Awaitable[Any]) -> Any:  # noqa: ANN401 - the tool's own
    try:
        return await work
    except Exception as error:
        text = masked(f"{type(error).__name__}: {error}", current.secrets())
        if text == f"{type(error).__name__}: {error}":
            raise
    raise ToolException(text)
