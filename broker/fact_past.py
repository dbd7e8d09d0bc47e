"""What some things were before a revision, as far as the log still tells: for the way back.

The log keeps at least the newest thousand revisions. What was changed before the oldest of them and
never since is not told by it.
"""

from collections.abc import AsyncIterator, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from broker.facts.base import Base
from broker.facts.change import Change, ChangeSet, touched
from broker.facts.facts import Facts
from broker.model.fact import Ref
from broker.store.facts_entry import START, FactsEntry, FactsNote, Position
from broker.store.facts_reader import FactsReader

_PAGE: Final = 200
_MOST: Final = 5_000
"""Revisions that are read for it."""


@dataclass(frozen=True, slots=True)
class Past:
    """The facts that were, of certain things only. Unless ``is_whole`` something is missing."""

    before: Facts
    after: Facts
    is_whole: bool


class FactPast:
    """Reads back."""

    def __init__(self, log: FactsReader) -> None:
        self._log = log

    async def around(self, entry: FactsEntry, refs: AbstractSet[Ref], base: Base) -> Past:
        """Return what these things were right before a revision, and right after it.

        Raises:
            UnreadableRecordError: a part of the log is no longer kept, or was written into.
            StoreUnavailableError: the ledger does not answer.
        """
        start, is_whole = await self._oldest(entry.revision)
        facts = Facts(start.revision, base)
        async for each in self._between(start, entry.revision):
            facts = _applied(facts, each, refs)
        return Past(facts, _applied(facts, entry, refs), is_whole)

    async def _oldest(self, revision: int) -> tuple[Position, bool]:
        """Return where reading can begin, and whether nothing came before that."""
        before, last = revision, None
        for _ in range(_MOST // _PAGE):
            notes = await self._log.history(before=before, limit=_PAGE)
            last = notes[-1] if notes else last
            if len(notes) < _PAGE or notes[-1].prev == 0:
                break
            before = notes[-1].revision
        if last is None or last.prev == 0:
            return START, True
        return _end_of(last), False

    async def _between(self, start: Position, revision: int) -> AsyncIterator[FactsEntry]:
        """Yield the revisions after one, up to another one."""
        at = start
        while True:
            _, entries = await self._log.after(at)
            for entry in entries:
                if entry.revision >= revision:
                    return
                yield entry
            if not entries:
                return
            at = entries[-1].position


def refs_of(changes: Iterable[Change]) -> frozenset[Ref]:
    """Return the things that changes speak of."""
    return frozenset(ref for change in changes for ref in touched(change))


def _applied(facts: Facts, entry: FactsEntry, refs: AbstractSet[Ref]) -> Facts:
    """Apply what a revision says of some things."""
    for part in entry.parts:
        facts = facts.changed(_about(part, refs), entry.revision)
    return facts


def _about(part: ChangeSet, refs: AbstractSet[Ref]) -> ChangeSet:
    kept = tuple(each for each in part.changes if not refs.isdisjoint(touched(each)))
    return replace(part, changes=kept)


def _end_of(note: FactsNote) -> Position:
    return Position(note.revision, note.digest)
