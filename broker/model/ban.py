"""Lists at targets of what they refuse: which, and what the ledger wants to stand in them."""

import hashlib
from dataclasses import dataclass

from backends.deny_lists import Desired


@dataclass(frozen=True, slots=True)
class ListName:
    """One list: the name of its target here, who that is, and the list's own name there."""

    target: str
    identity: str
    at: str

    @property
    def digest(self) -> str:
        """The same, short and of letters that every key may have.

        Whatever the target is called here: two names of one target have one list.
        """
        return hashlib.sha256(f"{self.identity}\n{self.at}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Added:
    """Where an entry stands: since which revision, or the cut-off that takes its place (ms)."""

    revision: int
    cut_ms: int


@dataclass(frozen=True, slots=True)
class BanView:
    """What must stand in a list.

    ``lineage`` names this history of revisions: a ledger that was lost and begun anew has another.
    While ``is_laid`` a cut-off waits until whoever lives and is hit by it has been ended, among
    those that were minted until ``cut_at_ms``; ``entries`` then holds what it will take the place
    of, too. Not all of them are read where there are more than fit anywhere: ``count`` says how
    many there are.
    """

    now_ms: int
    lineage: str
    revision: int
    entries: frozenset[str]
    count: int
    cut_ms: int
    cut_at_ms: int
    is_laid: bool

    @property
    def desired(self) -> Desired:
        """The same, for the target."""
        mark = f"{self.lineage}r{self.revision}"
        return Desired(entries=self.entries, issued_before_ms=self.cut_ms, mark=mark)

    @property
    def is_empty(self) -> bool:
        """Whether nothing needs to stand there."""
        return not self.count and not self.cut_ms

    def has_made(self, mark: str) -> bool:
        """Tell whether a document that bears this mark was written from this ledger."""
        lineage, _, revision = mark.rpartition("r")
        is_ours = bool(self.lineage) and lineage == self.lineage and revision.isdecimal()
        return is_ours and int(revision) <= self.revision


def revision_in(mark: str) -> int:
    """Return the revision that a mark tells of; 0 where it tells of none."""
    revision = mark.rpartition("r")[2]
    return int(revision) if revision.isdecimal() and len(revision) < 16 else 0  # noqa: PLR2004
