"""A Kubernetes API server as far as ``TokenReview`` goes: it really listens, and lies on demand."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

PATH = "/apis/authentication.k8s.io/v1/tokenreviews"


class ApiServer:
    """Answers with ``status``, or as ``mood`` says; remembers who asked for what."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self.status = dict(status)
        self.mood = "good"
        self.asked: list[dict[str, Any]] = []
        self.shown: list[str | None] = []
        self.url = ""
        self._stopped = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        application = web.Application()
        application.router.add_post(PATH, self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening, and let those who hang go."""
        self._stopped.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.shown.append(request.headers.get("Authorization"))
        if self.mood == "hang":
            await self._stopped.wait()
        if self.mood == "redirect":
            raise web.HTTPTemporaryRedirect(f"{self.url}/elsewhere")
        answers = {
            "error": web.json_response({"kind": "Status"}, status=500),
            "forbidden": web.json_response({"kind": "Status"}, status=403),
            "garbage": web.Response(body=b"{", content_type="application/json"),
            "twice": web.Response(
                body=b'{"kind":"TokenReview","kind":"TokenReview","status":{}}',
                content_type="application/json",
            ),
            "other": web.json_response({"kind": "Pod", "status": self.status}),
            "giant": web.Response(body=b" " * 1_000_000, content_type="application/json"),
        }
        good = web.Response(
            body=json.dumps({"kind": "TokenReview", "status": self.status}),
            status=201,
            content_type="application/json",
        )
        return answers.get(self.mood, good)
