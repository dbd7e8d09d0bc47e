"""Work that is due: leases to expire, tasks to look at, trees to take down.

Any number of brokers claim from the same queue. A claim hides the work for a while and carries a
fencing number; who was too slow finds at settling that the work is no longer theirs.
"""

from dataclasses import dataclass

from broker.store import scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.link import Link


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed piece: its ``kind`` (``l t k z v x g e f c``) and what follows it.

    It was claimed at ``claimed_ms`` by the ledger's clock, ``late_ms`` after it was due.
    """

    bucket: int
    member: str
    fence: int
    late_ms: int
    claimed_ms: int

    @property
    def kind(self) -> str:
        """Which worker it is for; empty for what is no work of ours."""
        return self.member[:1]

    @property
    def subject(self) -> str:
        """What the work is about: an id, for a lease followed by ``:`` and its task."""
        return self.member[2:]


class DueQueue:
    """The queue of one ledger, bucket by bucket."""

    def __init__(self, link: Link, keys: Keyspace, bounds: ClockBounds = ANY_TIME) -> None:
        self._link = link
        self._keys = keys
        self._bounds = bounds

    async def claim(
        self, bucket: int, *, limit: int, hide_ms: int, by_age: bool = True
    ) -> list[Work]:
        """Take up to ``limit`` due pieces of a bucket.

        None that is due by age while the clocks disagree, or when ``by_age`` is false.
        """
        where = self._keys.buckets[bucket]
        taken = await self._link.run(
            scripts.DUE_CLAIM,
            [*where.head, where.fences],
            [limit, hide_ms, *self._bounds.around_now(), int(by_age)],
        )
        now = int(taken[0])
        rows = zip(taken[2::3], taken[3::3], taken[4::3], strict=True)
        return [
            Work(bucket, member, int(fence), _lateness(now, float(due)), now)
            for member, due, fence in rows
        ]

    async def settle(self, work: Work, *, again_at_ms: int | None = None) -> bool:
        """Finish a piece, or put it off; false when it has been taken by another meanwhile."""
        where = self._keys.buckets[work.bucket]
        args: list[str | int] = [
            work.member,
            work.fence,
            "" if again_at_ms is None else again_at_ms,
        ]
        reply = await self._link.run(scripts.DUE_SETTLE, [*where.head, where.fences], args)
        return bool(reply[0] == "ok")


def _lateness(now_ms: int, due_ms: float) -> int:
    """Tell how late something is; whatever stands in the queue has an answer."""
    return int(min(max(0.0, now_ms - due_ms), now_ms))
