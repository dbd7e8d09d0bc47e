"""Counts uses by what they have in common, in bounded memory, until they are told.

What makes a use one of its kind is cut down when there are too many kinds: first to what counts in
a review, then to a mere number. A command that asks for a thousand hosts crowds no other use out.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from broker.client.use_results import SayUse
from broker.clock import rfc3339
from broker.proxy import Use
from broker.use_words import MOST_ROWS, MOST_TIMES, MOST_UNTOLD, is_word

_MOST_EXACT: Final = 24
"""Kinds that are told in full; the rest of the rows is for what is cut down."""

_MOST_UNDECLARED: Final = 8
"""Of these, such as no rule is for: which there are is the command's choice."""

_LEASE: Final = re.compile(r"l_[0-9a-f]{2}_[a-z2-7]{26}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is told at once, and how many exchanges more there were."""

    uses: tuple[SayUse, ...]
    untold: int

    @property
    def times(self) -> int:
        """How many exchanges are missing if it is not told."""
        return self.untold + sum(each.times for each in self.uses)


@dataclass(slots=True)
class _Count:
    times: int
    first_ms: int
    last_ms: int


class Tally:
    """The uses that wait. ``untold`` are known to be missing."""

    def __init__(self) -> None:
        self._counts: dict[Use, _Count] = {}
        self.untold = 0

    def add(self, use: Use) -> None:
        """Count a use."""
        kind = self._kind(_plain(use))
        count = self._counts.get(kind)
        if count is None and len(self._counts) < MOST_ROWS:
            count = self._counts[kind] = _Count(0, use.at_ms, use.at_ms)
        if count is None or count.times >= MOST_TIMES:
            self.untold += 1
            return
        count.times += 1
        count.first_ms = min(count.first_ms, use.at_ms)
        count.last_ms = max(count.last_ms, use.at_ms)

    @property
    def has_rows(self) -> bool:
        """Tell whether there is a use to tell of."""
        return bool(self._counts)

    @property
    def waiting(self) -> int:
        """How many exchanges nobody was told of yet."""
        return self.untold + sum(count.times for count in self._counts.values())

    def take(self) -> Batch | None:
        """Take all that waits; None: there is nothing to tell."""
        if not self._counts:
            return None
        rows = tuple(_row(kind, count) for kind, count in self._counts.items())
        batch = Batch(rows, min(self.untold, MOST_UNTOLD))
        self._counts, self.untold = {}, 0
        return batch

    def _kind(self, kind: Use) -> Use:
        if kind in self._counts:
            return kind
        is_room = len(self._counts) < _MOST_EXACT
        if not kind.rule:
            is_room = is_room and self._undeclared() < _MOST_UNDECLARED
        return kind if is_room else _cut_down(kind)

    def _undeclared(self) -> int:
        return sum(not kind.rule and kind.host != "" for kind in self._counts)


def _plain(use: Use) -> Use:
    """Leave away when it was, and words that are not told as they are."""
    return replace(
        use,
        at_ms=0,
        credential=use.credential if _LEASE.fullmatch(use.credential) else "",
        method=_word("method", use.method),
        host=_word("host", use.host),
        need=_word("need", use.need),
        rule=_word("rule", use.rule),
        problem=_word("problem", use.problem),
    )


def _word(member: str, text: str) -> str:
    return text if is_word(member, text) else ""


def _cut_down(kind: Use) -> Use:
    return Use(
        at_ms=0,
        outcome=kind.outcome,
        need=kind.need,
        credential=kind.credential,
        problem=kind.problem,
    )


def _row(kind: Use, count: _Count) -> SayUse:
    return SayUse(
        outcome=kind.outcome,
        times=count.times,
        first_at=rfc3339(count.first_ms),
        last_at=rfc3339(count.last_ms),
        credential=kind.credential,
        need=kind.need,
        rule=kind.rule,
        method=kind.method,
        host=kind.host,
        port=kind.port,
        status=kind.status,
        problem=kind.problem,
        masked=kind.masked,
    )
