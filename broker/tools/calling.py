"""One call of a tool that has a credential of its own: the same for every framework."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from broker.client.errors import ClientError
from broker.client.held import HeldCredential
from broker.client.results import IssuedCredential
from broker.tools.masking import secrets_of
from broker.tools.need import holding
from broker.tools.refusals import told
from broker.tools.toolbox import Toolbox


class ToolRefusedError(Exception):
    """The tool has no credential, and is not run; the text is for the model."""


class Call:
    """What may not be said of one call."""

    def __init__(self, held: HeldCredential) -> None:
        self._held = held
        self._first: IssuedCredential = held.current

    def secrets(self) -> tuple[str, ...]:
        """Return what it has held since it began: a token may have been renewed meanwhile."""
        return secrets_of(self._first, self._held.current)


@asynccontextmanager
async def calling(toolbox: Toolbox, tool: str) -> AsyncIterator[Call]:
    """Let a tool run with its credential.

    Raises:
        ToolRefusedError: there is none for it.
    """
    async with AsyncExitStack() as until_the_end:
        try:
            held = await until_the_end.enter_async_context(toolbox.lent(tool))
        except ClientError as refusal:
            raise ToolRefusedError(told(refusal)) from refusal
        with holding(held):
            yield Call(held)
