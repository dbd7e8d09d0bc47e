"""A memory that forgets what was not used for longest, bounded in entries and in weight."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Values by key. The newest is always kept, whatever it weighs."""

    def __init__(self, most: int, most_weight: int) -> None:
        self._most = most
        self._most_weight = most_weight
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0

    def get(self, key: K) -> V | None:
        """Return what is remembered, or None."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Remember a value in the place of any other of its key."""
        known = self._kept.pop(key, None)
        self._weight += weight - (known[1] if known else 0)
        self._kept[key] = (value, weight)
        while len(self._kept) > 1 and self._is_full:
            self._weight -= self._kept.popitem(last=False)[1][1]

    @property
    def _is_full(self) -> bool:
        return len(self._kept) > self._most or self._weight > self._most_weight

    def __len__(self) -> int:
        return len(self._kept)
