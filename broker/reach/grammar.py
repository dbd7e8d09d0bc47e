"""How servers, methods and paths are written, wherever somebody declares what a credential is for.

One grammar for the routes of a run and for the reach of a capability: what is refused in one is
refused in the other.
"""

import re
from collections.abc import Sequence
from typing import Final

from broker.reach.hosts import HIGHEST_PORT, is_host
from broker.reach.pattern import PathPattern, parse_pattern

_METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,31}", re.ASCII)
_NEVER_METHODS: Final = frozenset({"TRACE", "TRACK", "CONNECT"})
"""They answer with the request itself, or are no request at all."""


class UnfitError(Exception):
    """A member is written as none may be."""

    def __init__(self, member: str, remedy: str) -> None:
        """Name the member, and what to write instead."""
        super().__init__(f"{member}: {remedy}")
        self.member = member
        self.remedy = remedy


def check_host(host: str) -> None:
    """Check the name of a server.

    Raises:
        UnfitError: it is none, or not in its one spelling.
    """
    if not is_host(host):
        raise UnfitError(
            "host",
            "write the exact name of one host, in lower case: no address, no wildcard, no port",
        )


def check_port(port: int) -> None:
    """Check a port.

    Raises:
        UnfitError: it is none.
    """
    if not 0 < port <= HIGHEST_PORT:
        raise UnfitError("port", f"write a port from 1 to {HIGHEST_PORT}")


def methods_of(written: Sequence[str]) -> frozenset[str]:
    """Read methods.

    Raises:
        UnfitError: there is none, or one that may never be declared.
    """
    if any(_METHOD.fullmatch(method) is None for method in written):
        raise UnfitError("methods", "write methods in capitals, such as GET")
    if not written or _NEVER_METHODS & set(written):
        raise UnfitError(
            "methods", f"name at least one method, and none of {sorted(_NEVER_METHODS)}"
        )
    return frozenset(written)


def paths_of(written: Sequence[str]) -> tuple[PathPattern, ...]:
    """Read patterns of paths.

    Raises:
        UnfitError: there is none, or one that could be read in two ways.
    """
    if not written:
        raise UnfitError("paths", "name at least one path; /** is all of them")
    return tuple(map(_pattern, written))


def _pattern(text: str) -> PathPattern:
    pattern = parse_pattern(text)
    if pattern is None:
        raise UnfitError(
            "paths", "write paths as /v1/orders, /v1/orders/{id} or /v1/orders/**, spelt plainly"
        )
    return pattern
