"""Paths: brought to one spelling, once; that one is compared with the rules and forwarded."""

import re
from dataclasses import dataclass
from typing import Final

from broker.proxy.problem import RefusedError, malformed
from broker.reach.spelling import plain_path, segments_of

_QUERY: Final = re.compile(r"[\x21\x22\x24-\x7e]*", re.ASCII)


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
        return segments_of(self.path)


def parse_target(text: str) -> Target:
    """Read the path and query of a request in origin form.

    Raises:
        RefusedError: it can be read in more than one way.
    """
    path, mark, query = text.partition("?")
    plain = plain_path(path)
    if plain is None or _QUERY.fullmatch(query) is None:
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


def _ambiguous() -> RefusedError:
    return RefusedError(
        400, "ambiguous-path", "the path can be read in more than one way: spell it plainly"
    )
