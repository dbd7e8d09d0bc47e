"""A link whose user dies at a chosen call: before the server has heard of it, or after it ran."""

from collections.abc import Awaitable, Callable, Sequence

from broker.store.link import Link, Reply, Script, Value


class DiedError(Exception):
    """The broker was killed here."""


class DyingLink:
    """Passes calls on until the one at which its user dies; ``calls`` counts them."""

    def __init__(self, link: Link, *, at: int = 1_000_000, after: bool = False) -> None:
        self._link = link
        self._at = at
        self._after = after
        self.calls = 0

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script, or die."""
        return await self._pass(lambda: self._link.run(script, keys, args))

    async def read(self, *command: Value) -> Reply:
        """Run a command, or die."""
        return await self._pass(lambda: self._link.read(*command))

    async def tail(
        self, stream: str, after: str, *, block_ms: int, count: int
    ) -> list[tuple[str, dict[str, str]]]:
        """Wait for entries."""
        return await self._link.tail(stream, after, block_ms=block_ms, count=count)

    async def each_server(self, *command: Value) -> list[Reply]:
        """Ask every primary."""
        return await self._link.each_server(*command)

    async def close(self) -> None:
        """Leave the link open: others use it."""

    async def _pass(self, call: Callable[[], Awaitable[Reply]]) -> Reply:
        is_last = self.calls == self._at
        self.calls += 1
        if is_last and not self._after:
            raise DiedError
        reply = await call()
        if is_last:
            raise DiedError
        return reply
