"""Durations on the command line. Apart from the other types: it loads nothing but click."""

import re
from typing import Final

import click

_DURATION: Final = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>[smhd]?)", re.ASCII)
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[int]):
    """``90``, ``90s``, ``15m``, ``8h`` or ``1d``, as whole seconds; ``least`` is the shortest."""

    name = "duration"

    def __init__(self, least: int = 0) -> None:
        self._least = least

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the duration."""
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no duration; write 90s, 15m, 8h or 1d", param, ctx)
        seconds = int(match["number"]) * _SECONDS[match["unit"]]
        if seconds < self._least:
            self.fail(f"{value!r} is too short; write {self._least}s or more", param, ctx)
        return seconds


DURATION: Final = Duration()
SPAN: Final = Duration(least=1)
"""A duration that cannot be nothing."""
