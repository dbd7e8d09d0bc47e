"""One revision of the facts log as a value, and how it is written.

Each revision has a digest that covers what it says and the digest before it. So two that have one
revision in common agree on everything up to it, and a log that went back shows.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from broker.facts.change import Change, ChangeSet, encode, tenants_of, touched
from broker.store import codec

NAMED: Final = 20
"""Things of a change that its event names."""

_BRIEF: Final = 500
"""Characters of what several people said, in one line."""


class Position(NamedTuple):
    """Where a log ends: its newest revision, and the digest of all up to it."""

    revision: int
    digest: str


START: Final = Position(0, "")
"""An empty log."""


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who changed facts and why, and how much.

    ``counts`` says how often each kind of change is in it, ``names`` its first things as
    ``TENANT kind:NAME``; ``tenant`` is empty when it is about several; ``digest`` is that of the
    changes.
    """

    by: str
    reason: str
    digest: str
    counts: Mapping[str, int]
    names: tuple[str, ...] = ()
    source: str = ""
    tenant: str = ""

    @classmethod
    def of(cls, change: ChangeSet) -> "Said":
        """Describe a set of changes."""
        counts = Counter(str(type(each).__struct_config__.tag) for each in change.changes)
        tenants = tenants_of(change)
        return cls(
            by=change.by,
            reason=change.reason,
            digest=hashlib.sha256(encode(change)).hexdigest(),
            counts=dict(sorted(counts.items())),
            names=_names(change),
            source=change.source,
            tenant=next(iter(tenants)) if len(tenants) == 1 else "",
        )


def _names(change: ChangeSet) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for ref in chain.from_iterable(map(touched, change.changes)):
        names[f"{ref.tenant} {ref}".strip()] = None
        if len(names) == NAMED:
            break
    return tuple(names)


@dataclass(frozen=True, slots=True)
class FactsNote:
    """What the history tells of a revision: all but the changes. ``size`` is their characters."""

    revision: int
    prev: int
    at_ms: int
    digest: str
    said: tuple[Said, ...]
    size: int

    @property
    def by(self) -> str:
        """Who made it; several names when several people's changes came together."""
        return _brief(each.by for each in self.said)

    @property
    def reason(self) -> str:
        """Why; several reasons when several people's changes came together."""
        return _brief(each.reason for each in self.said)


@dataclass(frozen=True)
class FactsEntry:
    """A revision with its changes: ``parts`` in their order, each of one caller.

    ``restarts`` says that the log went back before it, and an operator let it go on.
    """

    note: FactsNote
    parts: tuple[ChangeSet, ...]
    restarts: bool = False

    @property
    def revision(self) -> int:
        """Its number."""
        return self.note.revision

    @property
    def position(self) -> Position:
        """Where the log ended with it."""
        return Position(self.note.revision, self.note.digest)

    @property
    def at_ms(self) -> int:
        """When it was appended, by the ledger's clock."""
        return self.note.at_ms

    @property
    def by(self) -> str:
        """Who made it."""
        return self.note.by

    @property
    def reason(self) -> str:
        """Why."""
        return self.note.reason

    @cached_property
    def change(self) -> ChangeSet:
        """All its changes as one set: what it touched."""
        changes: tuple[Change, ...] = tuple(chain.from_iterable(p.changes for p in self.parts))
        sources = {part.source for part in self.parts}
        source = sources.pop() if len(sources) == 1 else ""
        return ChangeSet(self.by, self.reason, changes, source)


def _brief(said: Iterable[str]) -> str:
    words = "; ".join(dict.fromkeys(said))
    return words if len(words) <= _BRIEF else words[: _BRIEF - 1] + "…"


@dataclass(frozen=True, slots=True)
class Written:
    """A revision as it is written: ``said`` and ``text`` are JSON."""

    base: Position
    revision: int
    said: str
    text: str
    digest: str

    @classmethod
    def of(cls, parts: Sequence[ChangeSet], base: Position, revision: int) -> "Written":
        """Write changes down."""
        said = codec.encode([Said.of(part) for part in parts])
        text = "[" + ",".join(encode(part).decode() for part in parts) + "]"
        return cls(base, revision, said, text, digest_of(base, revision, said, text))

    @property
    def position(self) -> Position:
        """Where the log ends with it."""
        return Position(self.revision, self.digest)

    def note(self, at_ms: int) -> FactsNote:
        """Return what the history tells of it, once it is appended."""
        told = said_of(self.said)
        return FactsNote(
            self.revision, self.base.revision, at_ms, self.digest, told, len(self.text)
        )

    def told(self) -> list[str]:
        """Return tenant and detail of each event that tells of it."""
        told: list[str] = []
        for each in _SAID.decode(self.said):
            detail = {"revision": self.revision, **msgspec.to_builtins(each)}
            told += [each.tenant, codec.encode(detail)]
        return told


def digest_of(base: Position, revision: int, said: str, text: str) -> str:
    """Cover a revision, and all before it."""
    parts = (base.revision, base.digest, revision, said, text)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def said_of(text: str) -> tuple[Said, ...]:
    """Read what a revision's people said.

    Raises:
        UnreadableRecordError: it is not that.
    """
    with codec.reading("the history of facts"):
        return _SAID.decode(text)


def parts_of(text: str) -> tuple[ChangeSet, ...]:
    """Read the changes of a revision.

    Raises:
        UnreadableRecordError: they are not that.
    """
    with codec.reading("a revision of the facts"):
        return _PARTS.decode(text)


_SAID: Final = msgspec.json.Decoder(tuple[Said, ...])
_PARTS: Final = msgspec.json.Decoder(tuple[ChangeSet, ...])
