"""How many relationships come one after the other, at the longest."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from broker.model.fact import Ref

Following = Callable[[Ref], Iterable[Ref]]


class Chains:
    """Measures the longest chains in one direction; what was measured once is kept.

    It follows every relationship, whether it counts now or not, so no chain grows by time or by
    what begins to stand. Without recursion: a chain may be as long as the graph is large. A circle,
    which is a fault by itself, is followed once.
    """

    def __init__(self, following: Following) -> None:
        self._following: Final = following
        self._lengths: dict[Ref, int] = {}

    def length(self, start: Ref) -> int:
        """Return how many relationships lie on the longest chain that begins here."""
        if start not in self._lengths:
            self._measure(start)
        return self._lengths[start]

    def _measure(self, start: Ref) -> None:
        self._lengths[start] = 0
        path: list[tuple[Ref, Iterator[Ref]]] = [(start, iter(self._following(start)))]
        while path:
            at, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                if path:
                    self._reach(path[-1][0], at)
            elif following in self._lengths:
                self._reach(at, following)
            else:
                self._lengths[following] = 0
                path.append((following, iter(self._following(following))))

    def _reach(self, at: Ref, following: Ref) -> None:
        self._lengths[at] = max(self._lengths[at], self._lengths[following] + 1)
