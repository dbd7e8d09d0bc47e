"""What ``broker doctor`` says of the facts: whether all can be read, and count everywhere."""

from collections import Counter

from broker.facts.facts import Facts
from broker.findings import Line
from broker.store.ledger import Ledger


async def examine(ledger: Ledger) -> list[Line]:
    """Read everything, as a broker does that starts.

    Raises:
        UnreadableRecordError: a part is missing or damaged.
        StoreUnavailableError: it cannot be read.
    """
    asked = await ledger.facts.floors.of_all("graph")
    loaded = await ledger.snapshots.load()
    revision, (things, relationships) = loaded.end.revision, loaded.facts.size
    if max(asked) > revision:
        what = f"the log ends at revision {revision}, and had {max(asked)}: it went back"
        return [Line("facts", "fail", what, "look why, then `broker apply --restored`")]
    behind = sum(each < revision for each in asked)
    if behind:
        what = f"revision {revision} does not count in {behind} buckets yet"
        return [Line("facts", "warn", what, "a running broker mends it within a second")]
    held = f"revision {revision}: {things} things, {relationships} relationships"
    return [Line("facts", "ok", f"{held}, whole and counting everywhere"), *drifted(loaded.facts)]


def drifted(facts: Facts) -> list[Line]:
    """Count what people have changed by hand since its source declared it."""
    edited = Counter(each.source for each in facts.logged_things() if each.edited)
    edited.update(each.source for each in facts.relationships() if each.edited)
    remedy = "`broker facts diff -f FILE` shows it, `broker apply -f FILE` takes it back"
    return [
        Line("facts", "warn", f"{count} that {source} declared were changed by hand", remedy)
        for source, count in sorted(edited.items())
    ]
