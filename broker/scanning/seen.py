"""Which versions of a repository were read already, as files of its work tree."""

import hashlib
from typing import Final, Protocol

_ALGORITHMS: Final = {40: "sha1", 64: "sha256"}
"""By how long an object's id is, in hexadecimal digits."""


class Summing(Protocol):
    """Sums bytes up."""

    def update(self, data: bytes, /) -> None:
        """Take more."""
        ...

    def hexdigest(self) -> str:
        """Return the sum."""
        ...


class Seen:
    """Knows files by the object that they would be in Git, and by name: both decide what counts.

    Numbers are kept of each, not the words: of a million files they fit in memory.
    """

    def __init__(self, id_length: int) -> None:
        self._algorithm = _ALGORITHMS.get(id_length, "")
        self._sizes: dict[int, int] = {}

    def sum_of(self, size: int) -> Summing | None:
        """Begin to work an object's id out (gitformat-pack: `blob SIZE`, NUL, the bytes)."""
        if not self._algorithm:
            return None
        summing = hashlib.new(self._algorithm, usedforsecurity=False)
        summing.update(b"blob %d\0" % size)
        return summing

    def add(self, summing: Summing, name: str, size: int) -> None:
        """Note a file that was read to its end."""
        self._sizes[hash((summing.hexdigest(), name))] = size

    def size(self, blob: bytes, name: str) -> int | None:
        """Return how large a version is that was read as a file; None of others."""
        return self._sizes.get(hash((blob.decode("ascii"), name)))
