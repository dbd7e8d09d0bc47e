"""A resource server that takes some tokens, and one elsewhere to which it may send callers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.fakes.tool_servers import ToolServer, reply, serving


@dataclass
class GuardedOrders:
    """Takes what is in ``good``; sends callers of /away to ``elsewhere``."""

    good: set[str]
    elsewhere: str = ""
    server: ToolServer = field(default_factory=lambda: ToolServer(0))
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the orders are."""
        return f"http://{self.server.place}"

    @property
    def shown(self) -> list[str]:
        """What every request showed."""
        return self.server.shown

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.bodies.append(_body(request))
        if request.path == "/away":
            reply(request, 307, Location=f"{self.elsewhere}/orders")
        elif request.path == "/here":
            reply(request, 307, Location="/orders")
        elif request.headers.get("Authorization", "").removeprefix("Bearer ") in self.good:
            reply(request, 200, b"[]")
        else:
            reply(request, 401, b"no", WWW_Authenticate="Bearer")


def _body(request: BaseHTTPRequestHandler) -> bytes:
    """Read a body of a stated length, or in chunks."""
    if "chunked" not in request.headers.get("Transfer-Encoding", ""):
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    body = b""
    while size := int(request.rfile.readline(), 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body


@contextmanager
def orders(*good: str, elsewhere: str = "") -> Iterator[GuardedOrders]:
    """Serve."""
    guarded = GuardedOrders(set(good), elsewhere)
    with serving(guarded.answer) as server:
        guarded.server = server
        yield guarded
