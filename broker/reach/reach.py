"""Reach as it is judged by: read once, strictly."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from broker.reach.grammar import UnfitError, check_host, check_port, methods_of, paths_of
from broker.reach.hosts import DEFAULT_PORTS
from broker.reach.lines import MOST_LINES, ReachLine
from broker.reach.pattern import PathPattern

_Lines = Annotated[list[ReachLine], Meta(max_length=MOST_LINES)]


class UnreadableReachError(Exception):
    """It cannot be read, so nothing is open. The text names the member, and may be shown."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One server, and what of it is open."""

    scheme: str
    host: str
    port: int
    methods: frozenset[str]
    paths: tuple[PathPattern, ...]

    @classmethod
    def of(cls, line: ReachLine) -> "Opening":
        """Read one line.

        Raises:
            UnfitError: a member is written as none may be.
        """
        check_host(line.host)
        check_port(port := line.port or DEFAULT_PORTS[line.scheme])
        return cls(line.scheme, line.host, port, methods_of(line.methods), paths_of(line.paths))

    def is_at(self, scheme: str, host: str, port: int) -> bool:
        """Tell whether it is of this server."""
        return (self.scheme, self.host, self.port) == (scheme, host, port)

    def has(self, method: str, segments: tuple[str, ...]) -> bool:
        """Tell whether it has this method and path."""
        return method in self.methods and any(path.matches(segments) for path in self.paths)


@dataclass(frozen=True, slots=True)
class Reach:
    """All that one credential is for. Without any opening it is for nothing."""

    openings: tuple[Opening, ...]

    def knows(self, scheme: str, host: str, port: int) -> bool:
        """Tell whether anything of a server is open."""
        return any(opening.is_at(scheme, host, port) for opening in self.openings)

    def allows(
        self, scheme: str, host: str, port: int, method: str, segments: tuple[str, ...]
    ) -> bool:
        """Tell whether one request is within it; the path is in its one spelling."""
        at = (opening for opening in self.openings if opening.is_at(scheme, host, port))
        return any(opening.has(method, segments) for opening in at)


NOTHING: Final = Reach(())
"""What a reach opens that cannot be read."""


def parse_reach(document: object) -> Reach:
    """Read what the broker's answer says.

    Raises:
        UnreadableReachError: it is no list of lines, or one of them cannot be meant.
    """
    try:
        lines = msgspec.convert(document, _Lines)
    except msgspec.ValidationError as error:
        raise UnreadableReachError(f"reach: {error}") from None
    return Reach(tuple(_openings(lines)))


def _openings(lines: Iterable[ReachLine]) -> Iterable[Opening]:
    for number, line in enumerate(lines):
        try:
            yield Opening.of(line)
        except UnfitError as error:
            raise UnreadableReachError(f"reach[{number}].{error}") from None
