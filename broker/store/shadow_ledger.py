"""The candidate that decides beside what is published, and how often it would decide otherwise.

It lies beside the control record. Nothing that gives or takes access reads it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from broker.store import scripts
from broker.store.keyspace import Keyspace
from broker.store.link import Link

NAMES: Final = 1_000
"""Agents with a capability and a direction that are counted each by itself; others together."""

OTHERS: Final = "*"

SAME: Final = "same"
MISSED: Final = "missed"
FAILED: Final = "failed"
NOW_REFUSED: Final = "now-refused"
NOW_GRANTED: Final = "now-granted"
OUTCOMES: Final = (SAME, NOW_REFUSED, NOW_GRANTED, MISSED, FAILED)
"""What an answer of a candidate comes to."""

_FIELDS: Final = ("id", "digest", "by", "reason", "at", "stopped")


class Difference(msgspec.Struct, frozen=True, order=True):
    """Requests of one agent for one capability that would go the other way; ``*``: of others."""

    direction: str
    agent: str
    capability: str


class ShadowRecord(msgspec.Struct, frozen=True):
    """Who had which candidate decide, since when and why; ``stopped_ms`` 0: it still does."""

    id: str
    digest: str
    by: str
    reason: str
    at_ms: int
    stopped_ms: int


class ShadowCounts(msgspec.Struct, frozen=True):
    """What the candidate's answers were counted as, over all brokers."""

    outcomes: Mapping[str, int]
    differences: Mapping[Difference, int]


class ShadowLedger:
    """Keeps one candidate."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys

    async def start(self, id_: str, digest: str, text: str, *, by: str, reason: str) -> None:
        """Let a candidate decide, in the place of another one.

        Raises:
            StoreUnavailableError: it may decide or not; start it again.
        """
        keys = [self._keys.shadow, self._keys.shadow_counts]
        await self._link.run(scripts.SHADOW_START, keys, [id_, digest, by, reason, text])

    async def stop(self) -> bool:
        """Let none decide any more; tell whether one did.

        Raises:
            StoreUnavailableError: it may still decide; stop it again.
        """
        reply = await self._link.run(scripts.SHADOW_STOP, [self._keys.shadow])
        return bool(reply[0] == "ok")

    async def running(self) -> str:
        """Return the id of the candidate that decides, or nothing.

        Raises:
            StoreUnavailableError: nobody knows.
        """
        found, stopped = await self._link.read("HMGET", self._keys.shadow, "id", "stopped")
        return "" if stopped else str(found or "")

    async def text(self, id_: str) -> str:
        """Return a candidate's bundle; nothing when it decides no more.

        Raises:
            StoreUnavailableError: nobody knows.
        """
        found, text = await self._link.read("HMGET", self._keys.shadow, "id", "bundle")
        return str(text or "") if found == id_ else ""

    async def record(self) -> ShadowRecord | None:
        """Return which candidate was started last.

        Raises:
            StoreUnavailableError: nobody knows.
        """
        found = await self._link.read("HMGET", self._keys.shadow, *_FIELDS)
        id_, digest, by, reason, at_ms, stopped_ms = (str(each or "") for each in found)
        if not id_:
            return None
        return ShadowRecord(id_, digest, by, reason, int(at_ms or 0), int(stopped_ms or 0))

    async def note(
        self, id_: str, outcomes: Mapping[str, int], differences: Mapping[Difference, int]
    ) -> None:
        """Add what one broker has counted; of another candidate than the one there, nothing.

        Raises:
            StoreUnavailableError: it may be counted or not; it is not counted twice for that.
        """
        args: list[str | int] = [id_, NAMES]
        for name, count in outcomes.items():
            args += (name, name, count)
        for each, count in differences.items():
            args += (_name(each), _name(Difference(each.direction, OTHERS, OTHERS)), count)
        await self._link.run(
            scripts.SHADOW_NOTE, [self._keys.shadow, self._keys.shadow_counts], args
        )

    async def counts(self) -> ShadowCounts:
        """Return what was counted.

        Raises:
            StoreUnavailableError: nobody knows.
        """
        flat = await self._link.read("HGETALL", self._keys.shadow_counts)
        pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
        outcomes: dict[str, int] = {}
        differences: dict[Difference, int] = {}
        for name, count in pairs:
            direction, *rest = str(name).split(" ")
            if rest:
                differences[Difference(direction, *rest)] = int(count)
            else:
                outcomes[direction] = int(count)
        return ShadowCounts(outcomes, differences)


def _name(difference: Difference) -> str:
    # Neither agents nor capabilities have a space in their names.
    return f"{difference.direction} {difference.agent} {difference.capability}"
