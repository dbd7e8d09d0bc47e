"""Connections as an ASGI server would run them."""

import asyncio

from broker.client.asgi import BearerGuard, Message, Scope


class Connection:
    """One connection as a server would run it, with all that the application has said."""

    def __init__(self, *events: Message) -> None:
        self.events = list(events)
        self.said: list[Message] = []
        self.more = asyncio.Event()

    async def receive(self) -> Message:
        """Give the next event; wait when there is none."""
        while not self.events:
            self.more.clear()
            await self.more.wait()
        return self.events.pop(0)

    async def send(self, message: Message) -> None:
        """Take what is said."""
        self.said.append(message)

    @property
    def status(self) -> int:
        """The status of the one answer."""
        (start,) = [each for each in self.said if each["type"].endswith("response.start")]
        return int(start["status"])

    def header(self, name: bytes) -> str:
        """Return a header of the answer; empty when there is none."""
        return dict(self.said[0]["headers"]).get(name, b"").decode()


async def ask(guard: BearerGuard, scope: Scope) -> Connection:
    """Send one request through the guard."""
    connection = Connection({"type": "http.request", "body": b"", "more_body": False})
    await guard(scope, connection.receive, connection.send)
    return connection
