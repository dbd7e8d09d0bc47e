"""As much of a broker as one task needs, which answers when and how a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

TASK: Final = "t_07_half"
_TIMES: Final = {"expires_at": "2030-01-01T00:00:00Z", "max_expires_at": "2030-01-01T00:00:00Z"}


@dataclass
class HalfBroker:
    """Shows one task, gives credentials at a target, hears of the end."""

    url: str = ""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Until then the task is not shown."""
    end_status: int = 200
    ends: list[str] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    async def show(self, _: web.Request) -> web.Response:
        """Show the task, when it may."""
        self.asked.set()
        await self.may_answer.wait()
        task = {"id": TASK, "alive": True, "state": "open", "idle_timeout_seconds": 0}
        return web.json_response(task)

    async def issue(self, _: web.Request) -> web.Response:
        """Give another credential each time, that lives for two seconds."""
        number = next(self._numbers)
        issued = {
            "id": f"l_07_{number}",
            "task": TASK,
            "target": "db",
            "renewable": False,
            "expires_in": 2,
            "generation": 1,
            "secret": {"password": f"words-{number}"},
        }
        return web.json_response(issued | _TIMES, status=201)

    async def give_back(self, request: web.Request) -> web.Response:
        """Take a credential back."""
        self.given_back.append(request.match_info["credential"])
        return web.json_response({})

    async def end(self, request: web.Request) -> web.Response:
        """Hear of the end, or refuse to."""
        self.ends.append(request.match_info["verb"])
        state = {"complete": "completed", "fail": "failed", "cancel": "cancelled"}[self.ends[-1]]
        return web.json_response({"task": {"state": state}}, status=self.end_status)


@asynccontextmanager
async def serving() -> AsyncIterator[HalfBroker]:
    """Serve on a free port; whoever still waits is answered at the end."""
    half = HalfBroker()
    app = web.Application()
    app.router.add_get("/v1/tasks/{task}", half.show)
    app.router.add_post("/v1/tasks/{task}/credentials", half.issue)
    app.router.add_delete("/v1/credentials/{credential}", half.give_back)
    app.router.add_post("/v1/tasks/{task}/{verb:complete|fail|cancel}", half.end)
    async with TestServer(app, host="127.0.0.1") as server:
        half.url = str(server.make_url("/"))
        try:
            yield half
        finally:
            half.may_answer.set()
