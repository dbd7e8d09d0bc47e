"""Which leases a change can concern: never too few, and all of them where that is not certain.

A lease's question shows its agent and its capability to policy, and what is above them. So a change
of one agent's record can change the answers of that agent's leases only, and one of a capability
those of what was granted of it; whatever says more than that concerns everything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from broker.facts.impact import Impact
from broker.governance.difference import Change, difference
from broker.governance.document import BundleDocument
from broker.model.fact import Ref
from broker.store.task_tree import EVERY_TASK, Index

MOST: Final = 2_000
"""With more indexes than this, walking all tasks once is cheaper than to look which have any."""

_BY_NAME: Final = frozenset({"ticket", "person"})

_UNSEEN: Final = frozenset({"orchestrators", "operators", "tests"})
"""Sections of which nothing is shown when a lease's question is asked."""


@dataclass(frozen=True, slots=True)
class Affected:
    """The indexes of tasks to be walked; ``is_all``: everything."""

    indexes: frozenset[Index] = frozenset()
    is_all: bool = False

    def __or__(self, other: "Affected") -> "Affected":
        """Return what either of two changes can concern."""
        indexes = self.indexes | other.indexes
        if self.is_all or other.is_all or len(indexes) > MOST:
            return EVERYTHING
        return Affected(indexes)

    @property
    def is_by_name(self) -> bool:
        """Tell whether tasks are looked for by what they name, which older tasks are not."""
        return any(index.kind in _BY_NAME for index in self.indexes)

    def walks(self) -> tuple[Index, ...]:
        """Return which indexes are to be walked, each once."""
        return (EVERY_TASK,) if self.is_all else tuple(sorted(self.indexes, key=str))


NOTHING: Final = Affected()
EVERYTHING: Final = Affected(is_all=True)


def by_bundles(before: BundleDocument, after: BundleDocument) -> Affected:
    """Tell what the step from one bundle to the next can concern."""
    affected = NOTHING
    for change in difference(before, after):
        affected |= _by_change(change, before, after)
    return affected


def by_impact(impact: Impact) -> Affected:
    """Tell the same of changed facts. Only what a lease's question names can have touched it."""
    if impact.everything:
        return EVERYTHING
    return (
        _indexes("agent", impact.agents)
        | _indexes("capability", impact.capabilities)
        | _indexes("tenant", impact.tenants)
        | _indexes("ticket", map(_named, impact.tickets))
        | _indexes("person", map(_named, impact.people))
        | _indexes("tool", (ref.tenant for ref in impact.tools))
    )


def _named(ref: Ref) -> str:
    return f"{ref.tenant}/{ref.name}"


def _by_change(change: Change, before: BundleDocument, after: BundleDocument) -> Affected:
    match change.section:
        case "agents":
            return _indexes("agent", [change.name])
        case "capabilities":
            return _indexes("capability", [change.name])
        case "resource_servers":
            return _indexes("capability", _served(change.name, before, after))
        case "tenants":
            return _indexes("tenant", [change.name])
        case section if section in _UNSEEN:
            return NOTHING
        case _:
            return EVERYTHING


def _served(audience: str, *documents: BundleDocument) -> Iterator[str]:
    """Name the capabilities of an audience: how it checks bounds how long they may live."""
    for document in documents:
        for capability in document.capabilities:
            if capability.audience == audience:
                yield capability.name


def _indexes(kind: str, names: Iterable[str]) -> Affected:
    return Affected(frozenset(Index(kind, name) for name in names))
