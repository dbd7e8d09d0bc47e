"""Paths: brought to one spelling, once; that one is compared with the rules and forwarded.

What differs between parsers is refused: dot segments, empty segments, parameters after ``;``,
backslashes, encoded separators, encoded controls and what is encoded twice.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from broker.proxy.problem import RefusedError, malformed

_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_QUERY: Final = re.compile(r"[\x21\x22\x24-\x7e]*", re.ASCII)
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})", re.ASCII)
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]", re.ASCII)
_FORBIDDEN: Final = frozenset("/\\;%?#") | {chr(code) for code in range(32)} | {"\x7f"}
"""What nobody may hide behind a percent sign: who decodes it reads another path than the rule."""


@dataclass(frozen=True, slots=True)
class Target:
    """A path, in its one spelling if it is judged, and the query as it came (with its ``?``)."""

    path: str
    query: str

    def __str__(self) -> str:
        """Write it as it is forwarded."""
        return self.path + self.query

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts between the slashes."""
        return tuple(self.path[1:].split("/"))


def parse_target(text: str) -> Target:
    """Read the path and query of a request in origin form.

    Raises:
        RefusedError: it can be read in more than one way.
    """
    path, mark, query = text.partition("?")
    if _PATH.fullmatch(path) is None or _QUERY.fullmatch(query) is None:
        raise _ambiguous()
    plain = _ENCODED.sub(_respell, path)
    _check_text(plain)
    inner = plain[1:].split("/")
    if any(part in {".", ".."} for part in inner) or "" in inner[:-1]:
        raise _ambiguous()
    return Target(plain, mark + query)


def raw_target(text: str) -> Target:
    """Take the path and query for a server of which nothing is declared, as they are spelt.

    Raises:
        RefusedError: there is a fragment, which no request has.
    """
    if "#" in text:
        raise _ambiguous()
    path, mark, query = text.partition("?")
    return Target(path, mark + query)


def split_absolute(text: str) -> tuple[str, str]:
    """Split the absolute form ``http://authority/path`` into the two; the path is at least ``/``.

    Raises:
        RefusedError: it is of another form.
    """
    scheme, mark, rest = text.partition("://")
    if not mark or scheme.lower() != "http":
        raise malformed("a proxy is asked for http://… or with CONNECT")
    end = min((at for sign in "/?#" if (at := rest.find(sign)) >= 0), default=len(rest))
    path = rest[end:]
    return rest[:end], path if path.startswith("/") else f"/{path}"


def _respell(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    if character in _FORBIDDEN:
        raise _ambiguous()
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def _check_text(path: str) -> None:
    """Refuse bytes that are no UTF-8: who reads on nevertheless takes ``%c0%ae`` for a dot."""
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise _ambiguous() from None


def _ambiguous() -> RefusedError:
    return RefusedError(
        400, "ambiguous-path", "the path can be read in more than one way: spell it plainly"
    )
