"""Who watches a scan hears how much lies ahead, and how much of it is done."""

from typing import Final, Protocol


class Watcher(Protocol):
    """Hears of a scan's way. ``what`` is ``files`` or ``versions``; sizes are in bytes."""

    @property
    def is_there(self) -> bool:
        """Whether anybody looks: only then is counted what lies ahead, which costs a walk."""
        ...

    def ahead(self, what: str, number: int, size: int) -> None:
        """Hear that so many more will be read."""
        ...

    def done(self, what: str, number: int, size: int) -> None:
        """Hear that so many more have been read."""
        ...


class _Nobody:
    is_there = False

    def ahead(self, what: str, number: int, size: int) -> None:
        """Nobody looks."""

    def done(self, what: str, number: int, size: int) -> None:
        """Nobody looks."""


NOBODY: Final[Watcher] = _Nobody()
