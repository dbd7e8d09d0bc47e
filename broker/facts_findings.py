"""What ``broker doctor`` says of the facts: whether all can be read, and count everywhere."""

from broker.findings import Line
from broker.store.ledger import Ledger


async def examine(ledger: Ledger) -> Line:
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
        return Line("facts", "fail", what, "look why, then `broker apply --restored`")
    behind = sum(each < revision for each in asked)
    if behind:
        what = f"revision {revision} does not count in {behind} buckets yet"
        return Line("facts", "warn", what, "a running broker mends it within a second")
    held = f"revision {revision}: {things} things, {relationships} relationships"
    return Line("facts", "ok", f"{held}, whole and counting everywhere")
