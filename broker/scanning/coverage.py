"""What was read and what was not: a scan that saw a part only must not look like a clean one."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from broker.terminal import shown

MOST_TOLD: Final = 200
"""Troubles that are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that should have been read and was not, or not whole."""

    place: str
    why: str


@dataclass(slots=True)
class Coverage:
    """Counts what a scan read, what it leaves out by its rules, and what it could not read."""

    read: Counter[str] = field(default_factory=Counter)
    """Files, bytes, blobs, commits, variables, secrets of a vault."""
    left_out: Counter[str] = field(default_factory=Counter)
    """By rule: binary files, links, what is no file, folders of other people's code."""
    troubles: list[Trouble] = field(default_factory=list)
    unread: int = 0

    @property
    def is_whole(self) -> bool:
        """Tell whether everything was read that should have been."""
        return self.unread == 0

    def trouble(self, place: str, why: str) -> None:
        """Note something that could not be read."""
        self.unread += 1
        if len(self.troubles) < MOST_TOLD:
            self.troubles.append(Trouble(shown(place), shown(why)))

    def told(self) -> Iterator[str]:
        """Say in lines what was not read."""
        for trouble in self.troubles:
            yield f"{trouble.place}: {trouble.why}"
        if self.unread > len(self.troubles):
            yield f"and {self.unread - len(self.troubles)} more"


def reason(error: OSError) -> str:
    """Say why a file could not be read."""
    return f"cannot be read: {error.strerror or type(error).__name__}"
