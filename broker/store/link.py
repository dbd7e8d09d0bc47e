"""The port to one Redis or Valkey, however it is reached.

Promises that every implementation keeps, and ``tests/contract/test_link.py`` checks:

- a command that was sent is never sent again by the link itself (redis-py would, ten times): when
  a reply is lost the caller gets :class:`~broker.errors.StoreUnavailableError` and must take the
  outcome as unknown;
- the one exception is ``NOSCRIPT``: the server says that it ran nothing, so the script is loaded
  and run;
- every key that a script touches is declared, and all keys of one call share a hash tag.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Protocol

Value = str | int
Reply = Any
"""What RESP2 brings, decoded: ``str``, ``int``, ``None`` or a list of these."""

HEADER = "#!lua\n"
"""Without flags: the server then refuses a script that writes when memory is short, and refuses
access across slots. fakeredis does not know such lines: there it is stripped."""

READING = "#!lua flags=no-writes\n"
"""For scripts that only look: they go on when memory is short."""

ENDING = "#!lua flags=allow-oom\n"
"""For scripts that take access away: short memory is never a reason not to (I5)."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script by name. The digest is what EVALSHA calls it by."""

    name: str
    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode()).hexdigest())  # noqa: S324 - Redis names scripts by SHA-1


def load_script(name: str, *parts: str, header: str = HEADER) -> Script:
    """Join ``scripts/<part>.lua`` … ``scripts/<name>.lua`` into one script."""
    folder = resources.files("broker.store") / "scripts"
    texts = [(folder / f"{part}.lua").read_text() for part in (*parts, name)]
    return Script(name, header + "\n".join(texts))


class Link(Protocol):
    """One Redis or Valkey: a single server or a cluster."""

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script once. ``keys`` share one hash tag.

        Raises:
            StoreUnavailableError: no reply within the deadline, or an error reply; what the script
                wrote, if anything, is unknown.
        """
        ...

    async def read(self, *command: Value) -> Reply:
        """Run one command that changes nothing; the second word is its key, if it has one.

        Raises:
            StoreUnavailableError: no reply within the deadline, or an error reply.
        """
        ...

    async def tail(
        self, stream: str, after: str, *, block_ms: int, count: int
    ) -> list[tuple[str, dict[str, str]]]:
        """Wait up to ``block_ms`` for entries of a stream beyond ``after``.

        It has a connection of its own, so that it holds up nobody.

        Raises:
            StoreUnavailableError: the server is gone.
        """
        ...

    async def each_server(self, *command: Value) -> list[Reply]:
        """Ask every primary the same keyless question (``INFO``, ``CONFIG GET``, ``TIME``)."""
        ...

    async def close(self) -> None:
        """Close every connection. Calls under way fail as unavailable."""
        ...
