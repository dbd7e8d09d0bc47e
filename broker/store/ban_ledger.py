"""What must stand in the deny lists of targets, and until when; and who writes which of them.

Each list has a slot of its own and a clock that never goes back, as a bucket has. An entry is here
before its target is told, and stays until the last session that it refuses has died of age.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from backends.deny_lists import Standing
from broker.errors import TargetBusyError, UnavailableError
from broker.ids import IdFactory, LeaseId
from broker.model.ban import Added, BanView, ListName, revision_in
from broker.model.ban_state import ListState, Round, Stood
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.in_order import Entry, read_on
from broker.store.keyspace import Keyspace
from broker.store.link import Link

MOST: Final = 500
"""Entries that are read of one list: more than any document holds."""

PAGE: Final = 200
"""Leases that are read of one list at once: a millisecond of the server's time."""

_NEVER: Final = (0, 0)
"""The bounds of one who believes no clock: for him nothing is over."""


class Claim(StrEnum):
    """What became of wanting to write a list."""

    TAKEN = "ok"
    HELD = "held"
    """Somebody else is at it."""
    STANDS = "stands"
    """What is wanted stands there already."""
    FRESH = "fresh"
    """Somebody has looked a moment ago."""


class BanLedger:
    """Keeps them."""

    def __init__(
        self, link: Link, keys: Keyspace, ids: IdFactory, *, bounds: ClockBounds = ANY_TIME
    ) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._bounds = bounds

    async def names(self) -> list[ListName]:
        """Return every list that something ever had to stand in.

        Raises:
            UnreadableRecordError: one of them is none of ours.
        """
        found = await self._link.read("HVALS", self._keys.ban_lists)
        with codec.reading("the name of a deny list"):
            return [ListName(*map(str, json.loads(text))) for text in found]

    async def know(self, name: ListName) -> None:
        """Remember a list, so that brokers look after it."""
        listed = [name.digest, json.dumps([name.target, name.identity, name.at])]
        await self._link.run(scripts.BAN_LIST, [self._keys.ban_lists], listed)

    async def enter(self, name: ListName, lease: LeaseId, longest_ms: int) -> None:
        """Note that a credential is about to be made that this list must be able to refuse.

        Raises:
            TargetBusyError: the list was cut off a moment ago; what is made now would be hit.
            UnavailableError: the ledger's clock is not believed.
        """
        where = self._keys.bans(name.digest)
        args: list[str | int] = [lease, *self._bounds.around_now(), longest_ms]
        status, left = await self._link.run(scripts.BAN_ENTER, [where.meta, where.born], args)
        if status == "clock":
            raise UnavailableError("the clock of a deny list and this broker's disagree")
        if status == "held":
            what = f"target {name.target}: its deny list was full and is being cut off"
            raise TargetBusyError(f"{what}; ask again in {int(left) // 1000 + 1} s")

    async def leave(self, name: ListName, leases: Sequence[LeaseId]) -> None:
        """Forget leases whose credentials are dead."""
        await self._link.run(scripts.BAN_LEAVE, [self._keys.bans(name.digest).born], leases)

    async def born(
        self, name: ListName, until_ms: int, after: Entry[LeaseId] | None
    ) -> list[Entry[LeaseId]]:
        """Return the next of the leases that entered until an instant, by when they did."""
        key = self._keys.bans(name.digest).born
        return await read_on(self._link, key, LeaseId, after, PAGE, until_ms=until_ms)

    async def add(self, name: ListName, entry: str, until_ms: int, lease: LeaseId) -> Added:
        """Let an entry stand in a list until an instant at least.

        Raises:
            StoreUnavailableError: nobody knows; repeat it.
        """
        await self.know(name)
        where = self._keys.bans(name.digest)
        keys = [where.meta, where.entries, where.covered, where.born]
        args: list[str | int] = [
            entry,
            until_ms,
            lease,
            self._ids.operation(),
            *self._bounds.around_now(),
        ]
        revision, cut = await self._link.run(scripts.BAN_ADD, keys, args)
        return Added(int(revision), int(cut))

    async def view(self, name: ListName) -> BanView:
        """Say what must stand in a list now; what is over is dropped from it."""
        return await self._view(name, self._bounds.around_now())

    async def peek(self, name: ListName) -> BanView:
        """Say what must stand in a list, as it was last written down: nothing is changed."""
        return await self._view(name, _NEVER)

    async def doubt(self, name: ListName) -> None:
        """Let a list be looked after by whoever looks next, and written if it must be."""
        await self._link.run(scripts.BAN_DOUBT, [self._keys.bans(name.digest).meta])

    async def _view(self, name: ListName, believed: tuple[int, int]) -> BanView:
        where = self._keys.bans(name.digest)
        keys = [where.meta, where.entries, where.covered]
        reply = await self._link.run(scripts.BAN_VIEW, keys, [*believed, MOST])
        now, lineage, revision, state, cut, cut_at, count, *entries = reply
        return BanView(
            now_ms=int(now),
            lineage=lineage,
            revision=int(revision),
            entries=frozenset(entries),
            count=int(count),
            cut_ms=int(cut),
            cut_at_ms=int(cut_at),
            is_laid=state == "laid",
        )

    async def claim(
        self, name: ListName, writer: str, *, hide_ms: int, revision: int | None, fresh_ms: int = 0
    ) -> tuple[Claim, int]:
        """Take a list, to bring it to a revision, or to look at it if nobody has lately.

        Return also the fencing number, or for how long (ms) somebody else has it.
        """
        args: list[str | int] = [writer, hide_ms, "" if revision is None else revision, fresh_ms]
        where = self._keys.bans(name.digest)
        keys = [where.meta, where.entries]
        status, number = await self._link.run(scripts.BAN_CLAIM, keys, args)
        return Claim(status), int(number)

    async def hold(self, name: ListName, fence: int, *, hide_ms: int, sending_ms: int = 0) -> bool:
        """Keep a list that was taken; tell whether it is still ours.

        ``sending_ms``: for how long a write that begins now may take effect; 0: none begins.
        """
        args = [fence, hide_ms, sending_ms]
        reply = await self._link.run(scripts.BAN_HOLD, [self._keys.bans(name.digest).meta], args)
        return bool(reply[0] == "ok")

    async def release(self, name: ListName, fence: int, came: Round) -> bool:
        """Let a list go, and say what the round came to.

        Return whether what stands there is sure to stay until somebody writes: nothing that a
        writer has sent who is gone, or was too slow, may still arrive.
        """
        where = self._keys.bans(name.digest)
        args: list[str | int] = [
            fence,
            came.revision,
            int(came.stands),
            came.trouble,
            came.room,
            came.free,
            came.lost,
            came.cut_ms,
            *sorted(came.entries),
        ]
        reply = await self._link.run(scripts.BAN_STANDS, [where.meta, where.stood], args)
        return bool(reply[0] == "ok")

    async def stood(self, name: ListName) -> Stood:
        """Return what was last read back of a list, by whatever broker."""
        where = self._keys.bans(name.digest)
        cut, told = await self._link.read("HMGET", where.meta, "stood_cut", "told")
        entries = await self._link.read("SMEMBERS", where.stood)
        return Stood(entries=frozenset(entries), cut_ms=int(cut or 0), told=int(told or 0))

    async def state(self, name: ListName) -> ListState:
        """Say how a list is known to be; nothing is changed.

        Raises:
            UnreadableRecordError: it is none of ours.
        """
        where = self._keys.bans(name.digest)
        keys = [where.meta, where.entries, where.covered]
        reply = await self._link.run(scripts.BAN_STATE, keys, [])
        now, wanted, revision, stands, cut, looked, failing, trouble, *rest = reply
        with codec.reading("how a deny list is"):
            lost, lost_at, room, free = (int(each or 0) for each in rest)
            return ListState(
                name=name,
                now_ms=int(now),
                wanted=int(wanted),
                is_idle=not int(wanted) and not cut and int(stands or -1) >= int(revision or 0),
                is_cut=bool(cut),
                confirmed_at_ms=int(looked or 0),
                failing_since_ms=int(failing or 0),
                trouble=trouble,
                lost=lost,
                lost_at_ms=lost_at,
                room=room,
                free=free,
            )

    async def cut(
        self, name: ListName, *, target_now_ms: int, ahead_ms: int, hold_ms: int
    ) -> tuple[int, int]:
        """Begin to cut a list off; return at which instant, and when that was."""
        where = self._keys.bans(name.digest)
        args: list[str | int] = [target_now_ms, ahead_ms, hold_ms, *self._bounds.around_now()]
        keys = [where.meta, where.entries, where.covered]
        cut, at = await self._link.run(scripts.BAN_CUT, keys, args)
        return int(cut), int(at)

    async def swept(self, name: ListName, cut_ms: int, until_ms: int) -> None:
        """Let a cut-off stand until an instant: whoever is hit by it has been ended."""
        where = self._keys.bans(name.digest)
        keys = [where.meta, where.covered]
        await self._link.run(scripts.BAN_SWEPT, keys, [cut_ms, until_ms])

    async def adopt(self, name: ListName, found: Standing, *, until_ms: int, hold_ms: int) -> None:
        """Take over what stands in a list and was not written from this ledger."""
        where = self._keys.bans(name.digest)
        args: list[str | int] = [
            until_ms,
            revision_in(found.mark),
            found.issued_before_ms,
            hold_ms,
            self._ids.operation(),
            *self._bounds.around_now(),
            *sorted(found.entries)[:MOST],
        ]
        await self._link.run(scripts.BAN_ADOPT, [where.meta, where.entries], args)
