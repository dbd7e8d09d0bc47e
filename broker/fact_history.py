"""What was changed, by whom, when and why, for operators within their tenants.

One revision can hold what several people have changed at the same moment, and of several tenants:
a caller is shown what is its, and a revision without any of that does not exist for it (I16).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from broker.clock import Clock
from broker.cursor import number
from broker.errors import InvalidChangeError, MemberFault, NotFoundError
from broker.fact_access import is_all_hers, is_hers, tenants_of_change
from broker.fact_faults import member_faults
from broker.fact_past import FactPast, Past, refs_of
from broker.facts.change import (
    Change,
    ChangeSet,
    DropThing,
    HoldThing,
    LiftHold,
    PutThing,
    Relate,
    Unrelate,
)
from broker.facts.facts import Facts
from broker.facts.inverse import Inverse, States, inverse_of
from broker.model.principal import Principal
from broker.ownership import require_operator
from broker.store.facts_entry import FactsNote, Said
from broker.store.facts_reader import FactsReader


@dataclass(frozen=True, slots=True)
class Noted:
    """One revision, as far as the caller may see it; ``names`` are the first things it names."""

    revision: int
    at_ms: int
    by: str
    reason: str
    source: str
    counts: Mapping[str, int]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntryPage:
    """One page of the history; ``cursor`` is empty on the last one."""

    entries: tuple[Noted, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """A revision with one page of its changes; ``cursor`` is empty on the last one."""

    noted: Noted
    changes: tuple[Change, ...]
    cursor: str


class FactHistory:
    """Shows what was changed."""

    def __init__(self, log: FactsReader, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._past = FactPast(log)

    async def find(self, caller: Principal, tenant: str, cursor: str, limit: int) -> EntryPage:
        """Page through the revisions that have something of the caller's tenants, newest first.

        A page can be short before the end: the cursor tells.

        Raises:
            AccessDeniedError: the caller is no operator.
            InvalidRequestError: the cursor is none of this list.
            StoreUnavailableError: the ledger does not answer.
        """
        require_operator(caller)
        before = number(cursor, "list") if cursor else 0
        notes = await self._log.history(before=before, limit=limit)
        entries = [_noted(note, await self._seen(caller, note, tenant)) for note in notes]
        end = str(notes[-1].revision) if len(notes) == limit and notes[-1].revision > 1 else ""
        return EntryPage(tuple(each for each in entries if each is not None), end)

    async def show(self, caller: Principal, revision: int, cursor: str, limit: int) -> EntryView:
        """Show a revision with one page of its changes.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: it is not kept, or nothing of it is the caller's.
            InvalidRequestError: the cursor is none of this list.
        """
        require_operator(caller)
        first = number(cursor, "list") if cursor else 0
        entry = await self._log.entry(revision)
        parts = [kept for part in entry.parts if (kept := hers(caller, part)).changes]
        noted = _noted(entry.note, [Said.of(part) for part in parts])
        if noted is None:
            raise NotFoundError("no such revision")
        changes = [each for part in parts for each in part.changes]
        end = str(first + limit) if first + limit < len(changes) else ""
        return EntryView(noted, tuple(changes[first : first + limit]), end)

    async def inverse(
        self, caller: Principal, revision: int, facts: Facts, reason: str
    ) -> ChangeSet:
        """Return what takes back what a caller may see of a revision.

        Raises:
            NotFoundError: it is not kept, or nothing of it is the caller's.
            InvalidChangeError: what was changed since stands in the way; it names all of that.
        """
        require_operator(caller)
        entry = await self._log.entry(revision)
        changes = tuple(c for part in entry.parts for c in hers(caller, part).changes)
        if not changes:
            raise NotFoundError("no such revision")
        past = await self._past.around(entry, refs_of(changes), facts.base)
        made = ChangeSet(entry.by, entry.reason, changes)
        states = States(past.before, past.after, facts)
        by, now_ms = caller.ref, self._clock.now_ms()
        found = await asyncio.to_thread(
            inverse_of, states, made, by=by, reason=reason, now_ms=now_ms
        )
        return _usable(found, past, made)

    async def _seen(self, caller: Principal, note: FactsNote, tenant: str) -> Sequence[Said]:
        """Return what was said by those whose changes a caller may see."""
        if is_all_hers(caller) and not tenant:
            return note.said
        if all(each.tenant for each in note.said):
            return [each for each in note.said if _is_of(caller, tenant, each.tenant)]
        parts = (await self._log.entry(note.revision)).parts
        kept = [hers(caller, part, tenant) for part in parts]
        return [Said.of(part) for part in kept if part.changes]


def _usable(found: Inverse, past: Past, made: ChangeSet) -> ChangeSet:
    """Return the way back.

    Raises:
        InvalidChangeError: there is none; the faults name the changes that it does not lead over.
    """
    faults = member_faults(found.faults, made)
    if not found.change.changes and not any(fault.index >= 0 for fault in found.faults):
        faults = [MemberFault("revision", "nothing of it is left to take back: look what stands")]
    faults += _forgotten(past, made)
    if faults:
        raise InvalidChangeError(tuple(faults))
    return found.change


def _forgotten(past: Past, made: ChangeSet) -> Iterator[MemberFault]:
    """Find what nobody knows any more how it was: that it was not there is only a guess."""
    for at, each in enumerate(() if past.is_whole else made.changes):
        if not _is_known(past.before, each):
            told = "what it was is no longer kept: change it anew, by hand"
            yield MemberFault(f"changes[{at}]", told)


def _is_known(before: Facts, change: Change) -> bool:
    match change:
        case PutThing(thing=thing):
            return before.logged(thing.ref) is not None
        case DropThing(ref=ref):
            return before.logged(ref) is not None
        case HoldThing(ref=ref) | LiftHold(ref=ref):
            return before.hold(ref) is not None
        case Relate(relationship=edge):
            return before.relationship(edge.key) is not None
        case Unrelate():
            return before.relationship(change.key) is not None


def hers(caller: Principal, part: ChangeSet, tenant: str = "") -> ChangeSet:
    """Return what of a set of changes a caller may see: of one tenant, or of all of its."""
    kept = tuple(
        each
        for each in part.changes
        if is_hers(caller, each) and (not tenant or tenant in tenants_of_change(each))
    )
    return replace(part, changes=kept)


def _is_of(caller: Principal, wanted: str, tenant: str) -> bool:
    return wanted in ("", tenant) and caller.answers_for(tenant)


def _noted(note: FactsNote, said: Sequence[Said]) -> Noted | None:
    """Put together what several said; None when there is nothing to see."""
    if not said:
        return None
    counts: Counter[str] = Counter()
    for each in said:
        counts.update(each.counts)
    names = dict.fromkeys(name.rpartition(" ")[2] for each in said for name in each.names)
    return Noted(
        note.revision,
        note.at_ms,
        _together(each.by for each in said),
        _together(each.reason for each in said),
        _together(each.source for each in said),
        dict(sorted(counts.items())),
        tuple(names),
    )


def _together(words: Iterable[str]) -> str:
    return "; ".join(word for word in dict.fromkeys(words) if word)
