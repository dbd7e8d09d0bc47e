"""A LangChain tool that has a credential of its own.

    search = with_credential(search, toolbox)

The tool is the one that it was, name, arguments and description, and takes what is its own by
:func:`broker.tools.need.current_credential`. A refusal is a ``ToolException``: the model reads it
where the tool says ``handle_tool_error=True``, as LangChain does it.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.tools import StructuredTool, ToolException

from broker.client.errors import ClientError
from broker.tools.need import holding
from broker.tools.refusals import told
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
            held = await toolbox.credential(name)
        except ClientError as refusal:
            raise ToolException(told(refusal)) from refusal
        with holding(held):
            return await work(*arguments, **named)

    return call
