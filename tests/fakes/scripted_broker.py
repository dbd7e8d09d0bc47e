"""A broker that answers what a test wrote down, over real HTTP, and remembers what it was asked.

It runs on a thread of its own, because the commands under test run an event loop themselves.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]


@dataclass
class ScriptedBroker:
    """Answers by method and path (with its query); anything else is 404."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        """Listen on a free port."""
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

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> tuple[int, Any]:
        """Note a request and find its answer."""
        length = int(request.headers.get("Content-Length", 0))
        raw = request.rfile.read(length)
        body = json.loads(raw) if raw else None
        self.asked.append(Asked(request.command, request.path, body, dict(request.headers)))
        absent = (404, {"title": "not found", "type": "x/problems/not-found", "status": 404})
        return self.answers.get(f"{request.command} {request.path}", absent)
