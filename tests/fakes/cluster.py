"""A Kubernetes API server as far as lists and watches of Jobs and Pods go, as it is documented.

It has a history with versions: a watch gets what happened after the version that it names, a line
of JSON for each event; one that begins before what is remembered is told 410. A test may compact
the history, cut the answers, split their lines, or have the server fail.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_EVER = 10**12
TOKEN = "token-of-the-watcher"


def job(uid: str, task: str, *, ended: str = "", **conditions: str) -> dict[str, Any]:
    """Write a Job as the API has it; ``ended`` is its terminal condition."""
    said = {**conditions, **({ended: "True"} if ended else {})}
    return {
        "kind": "Job",
        "metadata": {
            "name": uid,
            "namespace": "payments",
            "uid": uid,
            "labels": {"broker/task-id": task},
        },
        "status": {"conditions": [{"type": name, "status": value} for name, value in said.items()]},
    }


@dataclass
class Cluster:
    """The server, and what a test does to it."""

    page: int = 250
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[int, str]] = field(default_factory=list)
    version: int = 100
    oldest: int = 100
    chunk: int = 0
    """Split every answer of a watch into pieces of so many bytes."""
    failing: list[int] = field(default_factory=list)
    """The statuses of the next answers."""
    asked: list[dict[str, str]] = field(default_factory=list)
    stale_pages: bool = False
    url: str = ""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _cut: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application()
        for path in ("/apis/batch/v1/namespaces/payments/jobs", "/api/v1/namespaces/payments/pods"):
            app.router.add_get(path, self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop, and let every watch go."""
        self.cut()
        assert self._runner is not None
        await self._runner.cleanup()

    def put(self, item: dict[str, Any], type_: str = "") -> None:
        """Make something, or change it."""
        uid = item["metadata"]["uid"]
        known = uid in self.items
        self.items[uid] = item
        self._happen(type_ or ("MODIFIED" if known else "ADDED"), item)

    def delete(self, uid: str) -> None:
        """Delete something."""
        self._happen("DELETED", self.items.pop(uid))

    def lose(self, uid: str) -> None:
        """Delete something of which no watch is told: it happened while nobody watched."""
        self.items.pop(uid)
        self.compact()

    def again(self) -> None:
        """Send the last event once more."""
        self.events.append(self.events[-1])
        self._wake()

    def bookmark(self) -> None:
        """Tell where the watch is, without anything having happened to it."""
        self._happen("BOOKMARK", {"kind": "Job", "metadata": {}})

    def compact(self) -> None:
        """Forget what happened; whoever watches from before now is told 410, by an event."""
        self.version += 1
        self.oldest = self.version
        self.events.clear()
        self.cut()

    def cut(self) -> None:
        """Break every watch off."""
        self._cut.set()
        self._cut = asyncio.Event()
        self._wake()

    def raw(self, line: bytes) -> None:
        """Send any bytes to whoever watches."""
        self.events.append((_EVER, line.decode()))
        self._wake()

    def _happen(self, type_: str, item: dict[str, Any]) -> None:
        self.version += 1
        item = json.loads(json.dumps(item))
        item["metadata"]["resourceVersion"] = str(self.version)
        self.events.append((self.version, json.dumps({"type": type_, "object": item}) + "\n"))
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.query["labelSelector"] == "broker/task-id"
        if self.failing:
            return web.json_response({"kind": "Status"}, status=self.failing.pop(0))
        return await (self._watch(request) if request.query.get("watch") else self._list(request))

    async def _list(self, request: web.Request) -> web.Response:
        if "continue" in request.query and self.stale_pages:
            self.stale_pages = False
            return web.json_response({"kind": "Status", "code": 410}, status=410)
        begin = int(request.query.get("continue") or 0)
        end = begin + self.page
        rest = {"continue": str(end)} if end < len(self.items) else {}
        meta = {"resourceVersion": str(self.version), **rest}
        items = [*self.items.values()][begin:end]
        return web.json_response({"kind": "JobList", "metadata": meta, "items": items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        assert request.query["allowWatchBookmarks"] == "true"
        response, cut, sent = web.StreamResponse(), self._cut, 0
        await response.prepare(request)
        since = int(request.query["resourceVersion"])
        if since < self.oldest:
            status = {"kind": "Status", "code": 410, "reason": "Expired"}
            await self._send(response, json.dumps({"type": "ERROR", "object": status}) + "\n")
            return response
        while not cut.is_set():
            for version, line in self.events[sent:]:
                if version > since:
                    await self._send(response, line)
            sent, news = len(self.events), self._news
            await news.wait()
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _send(self, response: web.StreamResponse, text: str) -> None:
        data = text.encode()
        size = self.chunk or len(data)
        for begin in range(0, len(data), size):
            await response.write(data[begin : begin + size])
            if self.chunk:
                await asyncio.sleep(0)
