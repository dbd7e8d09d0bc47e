"""Sorted sets read in order, page by page, while members leave them and new ones come.

The place is the last member that was seen, not how many were: what leaves moves nothing, so nothing
is passed over. A member whose score has grown meanwhile is seen again.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from broker.store.link import Link

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True, order=True)
class Entry(Generic[Name]):
    """A member, and its score: an instant in ms. Redis orders equal scores by name, as we do."""

    at_ms: int
    name: Name


async def read_on(
    link: Link,
    key: str,
    kind: type[Name],
    after: Entry[Name] | None,
    limit: int,
    *,
    until_ms: int | None = None,
) -> list[Entry[Name]]:
    """Return the next ``limit`` members with scores until an instant; fewer only at the end.

    Raises:
        StoreUnavailableError: the set cannot be read.
    """
    since = "-inf" if after is None else after.at_ms
    until = "+inf" if until_ms is None else until_ms
    # Of those that have the very score of the last one it is seen again, and maybe others.
    count = limit if after is None else limit + 1
    while True:
        window = (since, until, "WITHSCORES", "LIMIT", 0, count)
        flat = await link.read("ZRANGEBYSCORE", key, *window)
        pairs = zip(flat[1::2], flat[::2], strict=True)
        found = [Entry(int(float(at)), kind(name)) for at, name in pairs]
        fresh = [entry for entry in found if after is None or entry > after]
        # Never fewer because others of that score came first: whoever asks takes that for the end.
        if len(fresh) >= limit or len(found) < count:
            return fresh[:limit]
        count *= 2
