"""The MCP server of one agent: its verbs as tools, by the official SDK."""

from collections.abc import Awaitable
from importlib.metadata import version
from typing import Annotated, Final, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from broker.client.credential_calls import NO_TOOL
from broker.mcp.arguments import KnownArguments
from broker.tools.verbs import VerbRefusedError, Verbs
from broker.tools.words import Given, Refusal, Seen, TaskSeen

T = TypeVar("T")

_INSTRUCTIONS: Final = (
    "You hold no secret. Ask here for a credential when you need one, for the least that will do,"
    " and say which file or stand-in it is in; never print what is in the file. It dies with your"
    " task. When you are refused, why_refused says what you may know and how to ask better: do not"
    " look for another way."
)

_READS: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_GIVES: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_ENDS: Final = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

Capability = Annotated[str, Field(description="A capability that my_task lists.", max_length=200)]
Scopes = Annotated[
    list[str], Field(description="The scopes of it that you need now, no more.", max_length=100)
]
Ttl = Annotated[int | None, Field(description="Seconds; leave it out for the usual.", ge=1)]
Id = Annotated[str, Field(description="What it was called when it was given.", max_length=200)]
ToolName = Annotated[str, Field(description="A tool that you found and will use it by, if any.")]
Origin = Annotated[str, Field(description="Where that tool is from: https address, package URL.")]


class BrokerTools:
    """The verbs, with what a model reads about them. A refusal is an error of the tool."""

    def __init__(self, verbs: Verbs) -> None:
        self._verbs = verbs

    async def my_task(self) -> TaskSeen:
        """Show the task that you work on, until when, and what you may ask for at most."""
        return await _said(self._verbs.task())

    async def ask_for_credential(
        self,
        capability: Capability,
        scopes: Scopes,
        ttl_seconds: Ttl = None,
        tool: ToolName = "",
        tool_origin: Origin = "",
    ) -> Given:
        """Ask for a credential. You are told where it is, never what it is."""
        claim = {"name": tool, "origin": tool_origin}
        named = {member: word for member, word in claim.items() if word} or NO_TOOL
        return await _said(self._verbs.ask(capability, scopes, ttl_seconds, named))

    async def my_credentials(self) -> list[Seen]:
        """List the credentials of your task: which are alive, and where."""
        return await _said(self._verbs.mine())

    async def renew_credential(self, credential: Id) -> Given:
        """Have a credential renewed in its place, before it expires."""
        return await _said(self._verbs.renew(credential))

    async def give_up_credential(self, credential: Id) -> Seen:
        """Give a credential back when you need it no more. It is dead then."""
        return await _said(self._verbs.give_up(credential))

    async def why_refused(self) -> list[Refusal]:
        """Tell what you were refused of late, and how to ask better."""
        return await _said(self._verbs.why_refused())


async def _said(work: Awaitable[T]) -> T:
    try:
        return await work
    except VerbRefusedError as refusal:
        raise ToolError(str(refusal)) from refusal


def build_server(verbs: Verbs) -> MCPServer:
    """Make a server that offers an agent its verbs."""
    tools = BrokerTools(verbs)
    arguments = KnownArguments()
    server: MCPServer = MCPServer(
        "jit-broker",
        instructions=_INSTRUCTIONS,
        version=version("jit-broker"),
        log_level="ERROR",
        middleware=[arguments],
    )
    arguments.of(server)
    for work, hints in (
        (tools.my_task, _READS),
        (tools.ask_for_credential, _GIVES),
        (tools.my_credentials, _READS),
        (tools.renew_credential, _GIVES),
        (tools.give_up_credential, _ENDS),
        (tools.why_refused, _READS),
    ):
        server.add_tool(work, annotations=hints)
    return server
