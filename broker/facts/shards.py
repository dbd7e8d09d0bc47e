"""A mapping that never changes: a changed one is made, which shares nearly everything with it.

The entries lie in a fixed number of dictionaries. A change copies those that it touches, a few
hundred entries each, so that one edit of a million entries costs microseconds and every earlier
revision stays whole for whoever reads it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_SHARDS: Final = 1024
"""A power of two. With 200,000 keys about 200 are in each."""


class Shards(Generic[K, V]):
    """Entries by key. Immutable."""

    __slots__ = ("_count", "_parts")

    def __init__(self, entries: Iterable[tuple[K, V]] = ()) -> None:
        empty: dict[K, V] = {}  # one for all, until an entry comes: most graphs are small
        parts = [empty] * _SHARDS
        for key, value in entries:
            at = hash(key) % _SHARDS
            if parts[at] is empty:
                parts[at] = {}
            parts[at][key] = value
        self._parts = parts
        self._count = sum(map(len, parts))

    def get(self, key: K) -> V | None:
        """Return the entry, or None."""
        return self._parts[hash(key) % _SHARDS].get(key)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: K) -> bool:
        return key in self._parts[hash(key) % _SHARDS]

    def items(self) -> Iterator[tuple[K, V]]:
        """Yield all entries, in no order."""
        for part in self._parts:
            yield from part.items()

    def values(self) -> Iterator[V]:
        """Yield all values, in no order."""
        for part in self._parts:
            yield from part.values()

    def updated(self, changes: Mapping[K, V | None]) -> "Shards[K, V]":
        """Return it with these entries in place of its own; None takes an entry away."""
        if not changes:
            return self
        made: Shards[K, V] = Shards.__new__(Shards)
        made._parts = _changed(self._parts, changes)
        made._count = sum(map(len, made._parts))
        return made


def _changed(parts: list[dict[K, V]], changes: Mapping[K, V | None]) -> list[dict[K, V]]:
    after = list(parts)
    for key, value in changes.items():
        at = hash(key) % _SHARDS
        if after[at] is parts[at]:
            after[at] = dict(parts[at])
        if value is None:
            after[at].pop(key, None)
        else:
            after[at][key] = value
    return after
