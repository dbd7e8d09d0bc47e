"""Heads of HTTP/1.1 messages (RFC 9112), read strictly and once.

A request that two parsers could read differently is refused, never mended: what is forwarded is
written anew from what was understood here, so that no byte passes that was not.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from broker.proxy.problem import RefusedError, bad_answer, malformed

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  the grammar's word for a name
_REQUEST_LINE: Final = re.compile(rf"({_TOKEN}) ([\x21-\x7e]+) (HTTP/[0-9]\.[0-9])", re.ASCII)
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_REQUEST_FIELD: Final = re.compile(rf"({_TOKEN}):[ \t]*([\t\x20-\x7e]*?)[ \t]*", re.ASCII)
_ANSWER_FIELD: Final = re.compile(rf"({_TOKEN}):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")

HOP_BY_HOP: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer"),
        *("proxy-authenticate", "proxy-authentication-info", "transfer-encoding", "upgrade"),
        "http2-settings",
    }
)
"""Fields of one connection (RFC 9110 §7.6.1): never passed on, written anew where needed."""

_SINGLE: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "authorization", "proxy-authorization"),
        *("expect", "upgrade", "content-type", "content-encoding"),
    }
)
"""Fields of which two would be read in two ways."""

_CONNECTION_WORDS: Final = frozenset({"keep-alive", "close", "upgrade", "te", "proxy-connection"})
"""What ``Connection`` may name: with any other it could have a later hop drop a field of ours."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Header fields in their order; names keep their spelling and are compared without case."""

    items: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Return the values of a field, whose name is given in lower case."""
        return [value for spelt, value in self.items if spelt.lower() == name]

    def one(self, name: str) -> str | None:
        """Return the value of a field that is there at most once; of several, the first."""
        return next(iter(self.all(name)), None)

    def words(self, name: str) -> list[str]:
        """Return the members of a list, in lower case."""
        joined = ",".join(self.all(name))
        return [word for part in joined.split(",") if (word := part.strip(" \t").lower())]

    def without(self, names: Collection[str]) -> "Fields":
        """Leave out some fields."""
        return Fields(tuple(item for item in self.items if item[0].lower() not in names))

    def with_(self, *more: tuple[str, str]) -> "Fields":
        """Add fields at the end."""
        return Fields((*self.items, *more))

    def render(self, first: str) -> bytes:
        """Write a head."""
        lines = [first, *(f"{name}: {value}" for name, value in self.items), "", ""]
        return "\r\n".join(lines).encode("latin-1")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What a child asks for."""

    method: str
    target: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What a server answers."""

    minor: int
    status: int
    reason: str
    fields: Fields

    @property
    def is_interim(self) -> bool:
        """Tell whether another head follows."""
        return 100 <= self.status < 200 and self.status != 101  # noqa: PLR2004  RFC 9110 §15.2


def parse_request(lines: list[bytes], *, most: int) -> RequestHead:
    """Read the head of a request.

    Raises:
        RefusedError: it is not HTTP/1.1, or breaks its grammar anywhere.
    """
    match = _REQUEST_LINE.fullmatch(lines[0].decode("latin-1")) if lines else None
    if match is None:
        raise malformed("the request line is not METHOD TARGET HTTP/1.1")
    # Python's http.client asks for tunnels by HTTP/1.0 and without Host; what is in them is 1.1.
    is_old_connect = match[1] == "CONNECT" and match[3] == "HTTP/1.0"
    if match[3] != "HTTP/1.1" and not is_old_connect:
        raise RefusedError(505, "version", "only HTTP/1.1 is spoken here")
    fields = _fields(lines[1:], _REQUEST_FIELD, most)
    if fields is None:
        raise malformed("a header field is malformed, or there are too many")
    _check_single(fields)
    _check_connection(fields)
    if not is_old_connect and fields.one("host") is None:
        raise malformed("there is no Host")
    return RequestHead(match[1], match[2], fields)


def parse_answer(lines: list[bytes], *, most: int) -> AnswerHead:
    """Read the head of an answer.

    Raises:
        RefusedError: it is not HTTP/1, or breaks its grammar.
    """
    match = _STATUS_LINE.fullmatch(lines[0].decode("latin-1")) if lines else None
    if match is None:
        raise bad_answer("the server's status line is malformed")
    fields = _fields(lines[1:], _ANSWER_FIELD, most)
    if fields is None:
        raise bad_answer("a header field of the answer is malformed, or there are too many")
    return AnswerHead(int(match[1]), int(match[2]), match[3] or "", fields)


def _fields(lines: Iterable[bytes], pattern: re.Pattern[str], most: int) -> Fields | None:
    matches = [pattern.fullmatch(line.decode("latin-1")) for line in lines]
    if len(matches) > most:
        return None
    found = [(match[1], match[2]) for match in matches if match is not None]
    return Fields(tuple(found)) if len(found) == len(matches) else None


def _check_single(fields: Fields) -> None:
    seen: set[str] = set()
    for spelt, _ in fields.items:
        name = spelt.lower()
        plain = name.replace("_", "-")
        if plain != name and plain in _SINGLE:
            raise malformed("a header field is spelt with _ in the place of -")
        if name in _SINGLE and name in seen:
            raise malformed("a header field that may be there once is there twice")
        seen.add(name)


def _check_connection(fields: Fields) -> None:
    words = {*fields.words("connection"), *fields.words("proxy-connection")}
    if words - _CONNECTION_WORDS:
        raise malformed("Connection names a field that must not be dropped")
