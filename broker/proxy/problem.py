"""What the proxy refuses, and the one way in which it says so."""

import json
from dataclasses import dataclass
from typing import Final

TYPE_BASE: Final = "https://jit-broker.example/problems/proxy-"
"""How every ``type`` begins; the rest is the code."""

NAME: Final = "jit-broker"
"""How the proxy names itself in ``Proxy-Status`` (RFC 9209): it is not the server that answers."""

_REASONS: Final = {
    400: "Bad Request",
    403: "Forbidden",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    413: "Content Too Large",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A body, and of which type it is."""

    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal: a status, a stable code, and a text that echoes nothing of the request."""

    status: int
    code: str
    detail: str

    def document(self, **more: str) -> Document:
        """Write the body (RFC 9457)."""
        members = {
            "type": TYPE_BASE + self.code,
            "title": _REASONS[self.status],
            "status": self.status,
            "detail": self.detail,
            **more,
        }
        return Document("application/problem+json", json.dumps(members).encode())

    def render(
        self, *, closes: bool, document: Document | None = None, has_body: bool = True
    ) -> bytes:
        """Write it as a whole answer.

        Args:
            closes: the connection ends with it.
            document: the body in another form than this one's.
            has_body: whether the body follows its head; it does not where HEAD was asked.
        """
        told = document or self.document()
        lines = [
            # Of a tunnel that is refused most clients show this line alone.
            f"HTTP/1.1 {self.status} {_REASONS[self.status]} ({NAME}: {self.code})",
            f"Content-Type: {told.kind}",
            f"Content-Length: {len(told.body)}",
            "Cache-Control: no-store",
            f"Proxy-Status: {NAME}; error=http_request_denied; details={self.code}",
        ]
        if self.status == 407:  # noqa: PLR2004  the one status that must say how to do better
            lines.append(f'Proxy-Authenticate: Basic realm="{NAME}"')
        if closes:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode() + (told.body if has_body else b"")


class RefusedError(Exception):
    """The exchange is refused. Raised wherever the fault is seen, answered in one place."""

    def __init__(self, status: int, code: str, detail: str, *, need: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.problem = Problem(status, code, detail)
        self.need = need


class GoneError(Exception):
    """The other side has closed the connection, or is too slow: there is nobody to answer."""


def malformed(detail: str) -> RefusedError:
    """Refuse a request that might be read in two ways."""
    return RefusedError(400, "malformed", detail)


def bad_answer(detail: str) -> RefusedError:
    """Refuse an answer that might be read in two ways."""
    return RefusedError(502, "bad-answer", detail)
