"""Relationships whose time has passed: they count no more, and are swept away by a change.

Sweeping alters no decision; it makes room. So it may be late, and two brokers may try the same.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from broker.facts.change import MAX_CHANGES, ChangeSet, Unrelate
from broker.facts.facts import Facts
from broker.model.fact import BUNDLE, Relationship

REASON: Final = "expired"


def expired(facts: Facts, now_ms: int) -> Iterator[Relationship]:
    """Yield what the log has and what counts no more because of its time.

    It goes through all there is, as it is asked for more: a caller may pause in between.
    """
    for each in facts.relationships():
        if not each.counts_at(now_ms) and each.source != BUNDLE:
            yield each


def sweep_of(
    facts: Facts, now_ms: int, *, by: str, limit: int = MAX_CHANGES, grace_ms: int = 0
) -> ChangeSet | None:
    """Return the set that ends what has expired ``grace_ms`` ago, at most ``limit`` of it.

    None when there is nothing. The grace lets people see for a while what there was.
    """
    found = islice(expired(facts, now_ms - grace_ms), limit)
    changes = tuple(Unrelate(*each.key) for each in found)
    return ChangeSet(by, REASON, changes) if changes else None
