"""Emergencies in the ledger, each in the bucket of its task.

- Each step is one script; a repeat of it changes and tells nothing.
- The review is owed (``unreviewed``) from before anybody is told, and until somebody has answered.
- What was opened ends at an instant that its record says from its first moment on.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Any, Final, TypeAlias

import msgspec

from broker.errors import GlassStateError, NotFoundError
from broker.ids import BreakGlassId, IdFactory
from broker.model.break_glass import Glass, GlassSpec, GlassState
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.feed_entry import pairs
from broker.store.keyspace import Bucket, Keyspace
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.refusals import accept

ASKED_MS: Final = 900_000
"""For how long it may be agreed to: an emergency of a quarter of an hour ago is another one."""

EXPIRED: Final = "expired"
"""By what those end that nobody has ended."""

Known = tuple[int, int]
"""The revisions of bundle and facts log that whoever gives has decided by."""

NOTHING: Final[Known] = (0, 0)
"""What who gives nothing needs to know."""

Spot: TypeAlias = tuple[int, BreakGlassId]
"""A place in the list of all: when it was asked for, and its id."""

Looked: TypeAlias = tuple[Spot, Glass | None]

_SPEC: Final = msgspec.json.Decoder(GlassSpec)


class GlassLedger:
    """Keeps them."""

    def __init__(
        self,
        link: Link,
        keys: Keyspace,
        ids: IdFactory,
        limits: Limits,
        *,
        bounds: ClockBounds = ANY_TIME,
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._limits = limits
        self._bounds = bounds

    async def ask(self, spec: GlassSpec, known: Known, *, key: str, digest: str) -> BreakGlassId:
        """Keep what is asked; return the id that stands for it (a repeat finds the first).

        Raises:
            TaskClosedError: the task has ended, is frozen, or is cut off.
            IdempotencyConflictError, UnavailableError.
        """
        bucket = self._keys.of(spec.id)
        keys = [
            *bucket.head,
            bucket.glass(spec.id),
            bucket.glasses,
            bucket.idempotency(key or "none"),
            *bucket.path(spec.path),
        ]
        args: list[str | int] = [
            spec.id,
            self._ids.operation(),
            *self._bounds.around_now(),
            *(spec.tenant, spec.agent, spec.capability),
            *(ASKED_MS, self._limits.retention_ms, self._limits.outbox),
            digest if key else "",
            *(codec.encode(spec), spec.digest),
            codec.encode(_detail(spec)),
            *known,
        ]
        return BreakGlassId(accept(await self._link.run(scripts.GLASS_ASK, keys, args))[1])

    async def agree(self, spec: GlassSpec, known: Known, digest: str, person: str) -> None:
        """Note that somebody agrees to exactly this.

        Raises:
            GlassStateError: it is not being asked any more, or this is not what is asked.
            TaskClosedError, UnavailableError.
        """
        await self._step("agree", spec, {"by": person}, digest, person, known=known)

    async def ready(self, spec: GlassSpec, known: Known) -> None:
        """Note that enough people have agreed. From here on a review is owed."""
        await self._step("ready", spec, {}, spec.review_ms, known=known)

    async def open(
        self, spec: GlassSpec, known: Known, told: Sequence[str], troubles: Sequence[str]
    ) -> None:
        """Open it, once somebody was told: ``told`` are those who have said so."""
        detail = {"alarm": list(told), "troubles": list(troubles)}
        await self._step("open", spec, detail, spec.ttl_ms, " ".join(told), known=known)

    async def fail(self, spec: GlassSpec, troubles: Sequence[str]) -> None:
        """Note that nobody could be told, so that nothing opens."""
        await self._step("fail", spec, {"troubles": list(troubles)}, "alarm-not-delivered")

    async def note(self, spec: GlassSpec, known: Known, lease: str) -> None:
        """Note what was had by it.

        Raises:
            GlassStateError: it has ended: what was had must end, too.
        """
        await self._step("note", spec, {"credential": lease}, lease, known=known)

    async def end(self, spec: GlassSpec, by: str) -> None:
        """End it, before its time or before it was opened."""
        await self._step("end", spec, {"by": by}, by)

    async def expire(self, spec: GlassSpec) -> int | None:
        """Note that its time has come, and tell it once; return when, where it has not yet."""
        reply = await self._step("expire", spec, {"by": EXPIRED}, EXPIRED)
        return int(reply[1]) if reply[0] == "early" else None

    async def review(self, spec: GlassSpec, by: str, words: str) -> None:
        """Note that somebody has looked at it.

        Raises:
            GlassStateError: it is open, or never was.
        """
        detail = {"by": by, "words": words}
        await self._step("review", spec, detail, by, words, self._limits.retention_ms)

    async def find(self, glass: BreakGlassId) -> Glass:
        """Show one.

        Raises:
            NotFoundError: there is none.
        """
        bucket = self._keys.of(glass)
        found = await self._seen(bucket, [glass])
        if not found:
            raise NotFoundError("no such break-glass")
        return found[0]

    async def older(self, after: Spot | None, limit: int, *, is_owed: bool) -> list[Looked]:
        """Return the next after a spot, the newest first; fewer only at the end.

        With ``is_owed`` of those that nobody has looked at. What is forgotten is a spot alone.

        Raises:
            StoreUnavailableError: a bucket does not answer: a part would pass for the whole.
        """
        of_buckets = await asyncio.gather(
            *(self._older(bucket, after, limit, is_owed=is_owed) for bucket in self._keys.buckets)
        )
        rows = [row for found in of_buckets for row in found]
        return nlargest(limit, rows, key=lambda row: row[0])

    async def _older(
        self, bucket: Bucket, after: Spot | None, limit: int, *, is_owed: bool
    ) -> list[Looked]:
        spots = [] if is_owed else await self._asked(bucket, after, limit)
        # What waits for an answer stays, however long ago it was asked.
        owed = await self._link.read("ZRANGE", bucket.glass_reviews, 0, -1)
        names = dict.fromkeys([name for _, name in spots] + [BreakGlassId(name) for name in owed])
        seen = {each.spec.id: each for each in await self._seen(bucket, list(names))}
        forgotten = [(spot, None) for spot in spots if spot[1] not in seen]
        found = [((each.asked_ms, each.spec.id), each) for each in seen.values()]
        return forgotten + [row for row in found if after is None or row[0] < after]

    async def _asked(self, bucket: Bucket, after: Spot | None, limit: int) -> list[Spot]:
        """Return those that were asked for before a spot, by Redis's own order, falling."""
        until, same = "+inf", list[str]()
        if after is not None:
            at_ms, last = after
            until = f"({at_ms}"
            found = await self._link.read("ZREVRANGEBYSCORE", bucket.glasses, at_ms, at_ms)
            same = [name for name in found if name < last]
        window = (until, "-inf", "WITHSCORES", "LIMIT", 0, limit)
        flat = await self._link.read("ZREVRANGEBYSCORE", bucket.glasses, *window)
        pairs = zip(flat[1::2], flat[::2], strict=True)
        older = [(int(float(at)), BreakGlassId(name)) for at, name in pairs]
        return [(after[0], BreakGlassId(name)) for name in same if after] + older

    async def open_in(self, buckets: Iterable[int] | None = None) -> list[Glass]:
        """Return what is open in some buckets (None: in all), by when it ends.

        Raises:
            StoreUnavailableError: a bucket does not answer.
        """
        wanted = range(len(self._keys.buckets)) if buckets is None else sorted(set(buckets))
        found = await asyncio.gather(*(self._owed_in(self._keys.buckets[each]) for each in wanted))
        is_open = [each for some in found for each in some if each.is_open]
        return sorted(is_open, key=lambda each: (each.ends_ms, each.spec.id))

    async def owed(self) -> list[Glass]:
        """Return what nobody has looked at yet, whether it is due or not.

        Raises:
            StoreUnavailableError: a bucket does not answer.
        """
        found = await asyncio.gather(*(self._owed_in(bucket) for bucket in self._keys.buckets))
        return [each for some in found for each in some if each.awaits_review]

    async def _owed_in(self, bucket: Bucket) -> list[Glass]:
        names = await self._link.read("ZRANGE", bucket.glass_reviews, 0, -1)
        return await self._seen(bucket, names)

    async def _seen(self, bucket: Bucket, names: Sequence[str]) -> list[Glass]:
        if not names:
            return []
        keys = [bucket.meta, *(bucket.glass(BreakGlassId(name)) for name in names)]
        now_ms, *rows = await self._link.run(scripts.GLASS_VIEW, keys)
        with codec.reading("an emergency in the ledger"):
            return [_glass(pairs(row), int(now_ms)) for row in rows if row]

    async def _step(
        self,
        step: str,
        spec: GlassSpec,
        detail: Mapping[str, object],
        *needs: str | int,
        known: Known = NOTHING,
    ) -> list[Any]:
        bucket = self._keys.of(spec.id)
        keys = [
            *bucket.head,
            bucket.glass(spec.id),
            bucket.glass_reviews,
            *bucket.path(spec.path),
        ]
        args: list[str | int] = [
            *(step, spec.id, self._ids.operation(), *self._bounds.around_now()),
            *(spec.tenant, spec.agent, spec.capability),
            codec.encode({**_detail(spec), **detail}),
            *known,
            *needs,
        ]
        reply = await self._link.run(scripts.GLASS_STEP, keys, args)
        if reply[0] == "state":
            raise GlassStateError(f"it is {reply[1]}")
        if reply[0] == "changed":
            raise GlassStateError("what is asked is another thing than what was agreed to")
        return reply if reply[0] == "early" else accept(reply)


def _detail(spec: GlassSpec) -> Mapping[str, object]:
    return {
        "break_glass": spec.id,
        "digest": spec.digest,
        "task": spec.task,
        "agent": spec.agent,
        "instance": spec.instance,
        "capability": spec.capability,
        "scopes": spec.scopes,
        "ttl_ms": spec.ttl_ms,
        "opener": spec.opener,
        "reason": spec.reason,
        "incident": spec.incident,
        "asked_of": [each.in_brief() for each in spec.requirements],
    }


def _glass(found: Mapping[str, str], now_ms: int) -> Glass:
    def number(name: str) -> int:
        return int(found.get(name) or 0)

    return Glass(
        spec=_SPEC.decode(found["spec"]),
        state=_state(found, now_ms),
        digest=found["digest"],
        asked_ms=number("asked"),
        until_ms=number("until"),
        voices=tuple(found.get("voices", "").split()),
        opened_ms=number("opened"),
        ends_ms=number("ends"),
        alarm=found.get("alarm", ""),
        lease=found.get("lease", ""),
        ended_ms=number("ended"),
        ended_by=found.get("ended_by", ""),
        due_ms=number("due"),
        reviewed_ms=number("reviewed"),
        reviewed_by=found.get("reviewed_by", ""),
        words=found.get("words", ""),
        now_ms=now_ms,
    )


def _state(found: Mapping[str, str], now_ms: int) -> GlassState:
    state = GlassState(found["state"])
    if state is GlassState.OPEN and int(found["ends"]) <= now_ms:
        return GlassState.ENDED
    is_asked = state in (GlassState.REQUESTED, GlassState.AGREED)
    return GlassState.LAPSED if is_asked and int(found["until"]) <= now_ms else state
