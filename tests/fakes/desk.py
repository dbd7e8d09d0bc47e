"""A run's desk over real HTTP: it gives what a test has laid ready to whoever shows its token."""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from broker.clock import SystemClock, rfc3339
from tests.fakes.http_thread import HttpThread

TOKEN: Final = "desk-token-of-tests"


def delivered(
    need: str = "orders", kind: str = "jwt", lives_s: float = 300, **words: str
) -> dict[str, Any]:
    """Return what a desk answers for a need."""
    return {
        "name": need,
        "capability": "orders-api",
        "kind": kind,
        "credential_id": "l_00_" + "a" * 26,
        "expires_at": rfc3339(SystemClock().now_ms() + int(lives_s * 1000)),
        "values": words or {"access_token": "canary-token"},
    }


@dataclass
class FakeDesk(HttpThread):
    """Answers ``GET /v1/credentials/NEED``; any other need is 404, any other token 401."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    bytes_per_second: float = 0
    """How slowly it answers; 0: at once."""

    is_slow_to_begin: bool = False
    """Whether its headers come as slowly."""

    def gives(self, need: str, kind: str = "jwt", lives_s: float = 300, **words: str) -> None:
        """Lay a credential ready."""
        self.answers[need] = (200, delivered(need, kind, lives_s, **words))

    @property
    def environment(self) -> Mapping[str, str]:
        """What a run puts into the environment of its command."""
        return {"BROKER_RUN_URL": self.url, "BROKER_RUN_TOKEN": TOKEN}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return what answers."""
        desk = self

        class Handler(BaseHTTPRequestHandler):
            """Hands every request to the desk."""

            def do_GET(self) -> None:
                """Answer."""
                status, body = desk.answer(self)
                payload = body if isinstance(body, bytes) else json.dumps(body).encode()
                if desk.is_slow_to_begin:
                    payload, status = b"HTTP/1.1 200 " + payload, 0
                with suppress(ConnectionError):  # whoever asked has given up
                    self.tell(status, payload)

            def tell(self, status: int, payload: bytes) -> None:
                """Send it; without a status it is the whole answer."""
                if status:
                    self.begin(status, len(payload))
                for piece in desk.pieces(payload):
                    self.wfile.write(piece)

            def begin(self, status: int, length: int) -> None:
                """Send the headers."""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(length))
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Stay silent."""

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> tuple[int, Any]:
        """Note a request and find its answer."""
        self.asked.append(request.path)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"detail": "that is not this run's token"}
        need = request.path.removeprefix("/v1/credentials/")
        return self.answers.get(need, (404, {"detail": f"the run has no need {need}"}))

    def pieces(self, payload: bytes) -> Iterator[bytes]:
        """Cut an answer into what is sent at a time."""
        if not self.bytes_per_second:
            yield payload
            return
        for at in range(len(payload)):
            time.sleep(1 / self.bytes_per_second)
            yield payload[at : at + 1]


@contextmanager
def silent_desk() -> Iterator[str]:
    """Take connections and never say a word; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
