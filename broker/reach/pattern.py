"""Patterns of paths, compared segment by segment."""

import re
from dataclasses import dataclass
from typing import Final

from broker.reach.spelling import plain_path, segments_of

_ONE: Final = re.compile(r"\*|\{[a-z][a-z0-9_]*\}", re.ASCII)
_REST: Final = "**"


@dataclass(frozen=True, slots=True)
class PathPattern:
    """``/v1/orders`` is one path, ``*`` and ``{id}`` one segment, ``/**`` at the end all below."""

    text: str
    segments: tuple[str, ...]

    def matches(self, path: tuple[str, ...]) -> bool:
        """Tell whether the segments of a path fit."""
        fixed = self.segments
        if fixed[-1] == _REST:
            fixed = fixed[:-1]
            path_head, long_enough = path[: len(fixed)], len(path) >= len(fixed)
        else:
            path_head, long_enough = path, len(path) == len(fixed)
        return long_enough and all(map(_fits, fixed, path_head))


def parse_pattern(text: str) -> PathPattern | None:
    """Read a pattern; None if it is none."""
    segments = segments_of(text)
    if not text.startswith("/") or _REST in segments[:-1]:
        return None
    if any("*" in segment and segment not in {"*", _REST} for segment in segments):
        return None
    literal = [
        "x" if segment == _REST or _ONE.fullmatch(segment) else segment for segment in segments
    ]
    path = "/" + "/".join(literal)
    return PathPattern(text, segments) if plain_path(path) == path else None


def _fits(expected: str, segment: str) -> bool:
    if _ONE.fullmatch(expected):
        return segment != ""
    return expected == segment
