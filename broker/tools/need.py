"""What a tool needs, and what it has while it runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from broker.client.credential_calls import NO_TOOL
from broker.client.errors import ClientError
from broker.client.held import HeldCredential


@dataclass(frozen=True, slots=True)
class Need:
    """What one tool needs to do its work.

    Args:
        capability: what the broker is asked for.
        scopes: of these; nothing wider is ever asked for.
        ttl_seconds: how long each token lives at most; None: as is usual.
        origin: where the tool is from, as the broker knows it (an ``https`` address or a package
            URL with its version). With one, the broker decides about the tool as well.
        each_call: have another one for each call of the tool, and give it back when the call ends,
            however it ends. Otherwise one serves all calls, and dies with the task.
    """

    capability: str
    scopes: tuple[str, ...]
    ttl_seconds: int | None = None
    origin: str = ""
    each_call: bool = False

    def claim(self, tool: str) -> Mapping[str, str]:
        """Say what the tool is, where this need says where it is from."""
        return {"name": tool, "origin": self.origin} if self.origin else NO_TOOL


class NoCredentialError(ClientError):
    """A tool asked for its credential outside a call of it, or it has declared no need."""

    remedy = "Declare what the tool needs, and ask within a call of it."


_CURRENT: Final[ContextVar[HeldCredential | None]] = ContextVar("tool_credential", default=None)


def current_credential() -> HeldCredential:
    """Return the credential of the tool that is being called.

    Raises:
        NoCredentialError: none is being called, or it needs none.
    """
    if (held := _CURRENT.get()) is None:
        raise NoCredentialError("no tool with a credential of its own is being called here")
    return held


@contextmanager
def holding(held: HeldCredential) -> Iterator[None]:
    """Make a credential the current one, for this call alone."""
    token = _CURRENT.set(held)
    try:
        yield
    finally:
        _CURRENT.reset(token)
