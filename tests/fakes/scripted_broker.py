"""A broker that answers what a test wrote down, over real HTTP, and remembers what it was asked.

It runs on a thread of its own, because the commands under test run an event loop themselves.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fakes.http_thread import HttpThread


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]


@dataclass
class ScriptedBroker(HttpThread):
    """Answers by method and path (with its query); anything else is 404."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return what answers."""
        script = self

        class Handler(BaseHTTPRequestHandler):
            """Hands every request to the script."""

            def handle_any(self) -> None:
                """Answer from the script."""
                status, body = script.answer(self)
                payload = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_DELETE = handle_any

            def log_message(self, *args: object) -> None:
                """Stay silent."""

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> tuple[int, Any]:
        """Note a request and find its answer."""
        length = int(request.headers.get("Content-Length", 0))
        raw = request.rfile.read(length)
        body = json.loads(raw) if raw else None
        self.asked.append(Asked(request.command, request.path, body, dict(request.headers)))
        absent = (404, {"title": "not found", "type": "x/problems/not-found", "status": 404})
        return self.answers.get(f"{request.command} {request.path}", absent)
