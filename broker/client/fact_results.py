"""What the broker's API answers about facts (``docs/api.md``), typed. Names are the API's own.

A reference is written as people write it, ``ticket:T-1``; ``tenant`` says whose it is, and is empty
for the teams of ``agents.yaml``.
"""

from datetime import datetime

import msgspec

from broker.client.agent_results import Hold
from broker.client.results import Page, cursor_of


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A workload that may say it is an agent; a subject that ends in ``*`` stands for many."""

    issuer: str
    subject: str


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """A registered thing. Unless it ``stands``, it passes nothing on."""

    ref: str
    kind: str
    tenant: str
    name: str
    source: str
    stands: bool
    status: str = ""
    owner: str = ""
    purpose: str = ""
    risk: str = ""
    data_class: str = ""
    review_by: str = ""
    origin: str = ""
    identities: tuple[Identity, ...] = ()
    ceiling: tuple[str, ...] = ()
    quota: int | None = None
    hold: Hold | None = None


class Relationship(msgspec.Struct, frozen=True, kw_only=True):
    """That one thing stands to another as the relation says. ``counts``: it does now."""

    tenant: str
    subject: str
    relation: str
    object: str
    source: str
    counts: bool
    expires_at: datetime | None = None


class ThingView(Thing, frozen=True, kw_only=True):
    """A thing, and its relationships both ways; unless ``complete``, there are more."""

    up: tuple[Relationship, ...]
    """Those of which it is the subject."""
    down: tuple[Relationship, ...]
    """Those of which it is the object."""
    complete: bool
    revision: int


class ThingPage(Page, frozen=True, kw_only=True):
    """One page of things, as they were at ``revision``."""

    things: tuple[Thing, ...]
    revision: int


class RelationshipPage(Page, frozen=True, kw_only=True):
    """One page of relationships, as they were at ``revision``."""

    relationships: tuple[Relationship, ...]
    revision: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One relationship of a way, as it is walked."""

    subject: str
    relation: str
    object: str


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that is reached, and a shortest way to it."""

    ref: str
    kind: str
    tenant: str
    name: str
    through: tuple[Step, ...]


class Reach(Page, frozen=True, kw_only=True):
    """One page of what a thing reaches, or is reached from, the nearest first.

    Unless ``complete`` there is more than the broker looks for.
    """

    of: str
    tenant: str
    direction: str
    reached: tuple[Reached, ...]
    complete: bool
    revision: int


class DyingLease(msgspec.Struct, frozen=True, kw_only=True):
    """A live credential that would no longer be granted, and why."""

    credential: str
    task: str
    agent: str
    tenant: str
    capability: str
    expires_at: datetime
    reason: str


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change, or of a dry run of it.

    ``revision`` is the one that it made; of a dry run the one that it was looked at over.
    ``dying`` names the first of the ``deaths`` live credentials that the change ends. Of ``unsure``
    others it cannot be told: the engine that decides gave no answer about them.
    """

    revision: int
    dry_run: bool
    changes: int
    deaths: int
    unsure: int = 0
    dying: tuple[DyingLease, ...]
    digest: str
    complete: bool = True
    """Unless all live credentials that the change can touch could be looked at."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of the facts: who made it, when, why, and how much of what it changed."""

    revision: int
    at: datetime
    by: str
    reason: str
    source: str
    counts: dict[str, int]
    names: tuple[str, ...]
    """The first of the things that it names."""


class EntryView(Entry, frozen=True, kw_only=True):
    """A revision with one page of its changes, written as the API takes them."""

    changes: tuple[dict[str, object], ...]
    next: str | None = None

    @property
    def cursor(self) -> str:
        """Where the next page begins; empty on the last one."""
        return cursor_of(self.next)


class HistoryPage(Page, frozen=True, kw_only=True):
    """One page of the history, newest first."""

    history: tuple[Entry, ...]
