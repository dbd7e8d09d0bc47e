"""A receiver of webhooks over real HTTP, which verifies what comes and misbehaves on demand."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from broker.client.errors import WebhookRefusedError
from broker.client.webhooks import WebhookMessage, Webhooks
from broker.settings.notify import Notify, Webhook

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER: Final = "whsec_" + "A" * 43 + "="


@dataclass
class AlarmReceiver:
    """Answers with ``status``, or hangs; ``messages`` are those that were signed."""

    secrets: tuple[str, ...] = (SECRET,)
    status: int = 204
    hangs: bool = False
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    messages: list[WebhookMessage] = field(default_factory=list)
    tries: int = 0
    unsigned: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        """Take one message."""
        body = await request.read()
        self.tries += 1
        try:
            message = Webhooks(self.secrets).verify(request.headers, body)
        except WebhookRefusedError:
            self.unsigned += 1
            return web.Response(status=401)
        if self.hangs:
            await asyncio.Event().wait()
        if self.status // 100 == 2:
            self.messages.append(message)
        return web.Response(status=self.status, headers=self.headers)

    @property
    def types(self) -> list[str]:
        """Return of what it was told, in order."""
        return [each.type for each in self.messages]

    def of(self, type_: str) -> list[Mapping[str, object]]:
        """Return what it was told about events of one kind."""
        return [each.data for each in self.messages if each.type == type_]

    def settings(self, folder: Path, name: str = "oncall", **changes: Any) -> Webhook:
        """Return how a broker reaches it; its secrets lie in the folder."""
        secret_file = folder / f"{name}.secret"
        secret_file.write_text("\n".join(self.secrets) + "\n")
        return Webhook(name=name, url=self.url, secret_file=secret_file, **changes)


@asynccontextmanager
async def receiving(receiver: AlarmReceiver | None = None) -> AsyncIterator[AlarmReceiver]:
    """Run one on a free port of this machine."""
    receiver = receiver or AlarmReceiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def told(*webhooks: Webhook, **changes: Any) -> Notify:
    """Return settings by which these are told, quickly."""
    return Notify(
        **{"webhooks": webhooks, "deadline_ms": 2_000, "longest_wait_seconds": 1, **changes}
    )
