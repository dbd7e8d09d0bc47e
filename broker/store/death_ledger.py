"""Killing at targets, as the ledger has it: which leases, and how far each has come.

It looks at a lease's own record only, never at its task: what has to be killed is killed whatever
has become of everything else.
"""

from dataclasses import dataclass
from typing import Final

from broker.ids import IdFactory, LeaseId
from broker.model.lease import LeaseSpec, LeaseState
from broker.model.target import SETTLED, DeathState, TargetDeath
from broker.store import codec, scripts
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link

_FIELDS: Final = (
    *("spec", "state", "issued", "expires", "ended", "ended_by", "was", "death"),
    "renewing",
)


@dataclass(frozen=True, slots=True)
class Dying:
    """A lease with a target, and where it stands. Instants are the ledger's, in milliseconds.

    ``was_active`` is false when it ended before its credential was known to exist.
    """

    spec: LeaseSpec
    state: LeaseState
    issued_at_ms: int
    expires_at_ms: int
    ended_at_ms: int
    ended_by: str
    was_active: bool
    death: TargetDeath | None
    renewing_until_ms: int = 0
    """Until when a renewal may be under way at its target."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be noted of a lease: how far it has come, why no further, when to come back.

    That is at an instant of the ledger's where one is given, which no repeat moves on.

    ``dead_after_ms`` says how long after its expiry it has surely died of age at its target; None
    where it does not. ``is_tried`` is false when the target was not asked at all. ``is_final`` says
    that nothing more can be done: a standing secret was handed out, and lives on.
    """

    state: DeathState
    why: str = ""
    again_in_ms: int = 0
    again_at_ms: int = 0
    dead_after_ms: int | None = None
    is_tried: bool = True
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """A lease's state, or ``gone``, ``alive`` or ``reserved``; and how long ago it ended."""

    state: str
    since_ms: int

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is alive at its target."""
        return self.state in ("gone", *SETTLED)


class DeathLedger:
    """Reads and notes."""

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

    async def find(self, lease: LeaseId) -> Dying | None:
        """Return a lease, or None when there is none, or it has no target.

        Raises:
            UnreadableRecordError: its record is none of ours.
        """
        key = self._keys.of(lease).lease(lease)
        found = await self._link.read("HMGET", key, *_FIELDS)
        spec, state, issued, expires, ended, ended_by, was, death, renewing = found
        if not spec or not state:
            return None
        with codec.reading("a lease in the ledger"):
            read = codec.lease_spec(spec)
            if read.target is None:
                return None
            return Dying(
                spec=read,
                state=LeaseState(state),
                issued_at_ms=int(issued),
                expires_at_ms=int(expires),
                ended_at_ms=int(ended or 0),
                ended_by=ended_by or "",
                was_active=LeaseState.ACTIVE in (was, state),
                death=TargetDeath.parse(death) if death else None,
                renewing_until_ms=int(renewing or 0),
            )

    async def note(self, lease: LeaseId, note: Note) -> Noted:
        """Note what became of killing a lease; return where it stands then.

        Raises:
            StoreUnavailableError: perhaps it was not noted; the due queue comes back to it.
        """
        bucket = self._keys.of(lease)
        keys = [*bucket.head, bucket.dying, bucket.lease(lease)]
        args: list[str | int] = [
            lease,
            self._ids.operation(),
            *self._bounds.around_now(),
            note.state,
            note.why or "-",
            note.again_in_ms,
            self._limits.retention_ms,
            "" if note.dead_after_ms is None else note.dead_after_ms,
            int(note.is_tried),
            note.again_at_ms,
            int(note.is_final),
        ]
        reply = await self._link.run(scripts.LEASE_DEATH, keys, args)
        return Noted(str(reply[0]), int(reply[1]) if len(reply) > 1 else 0)
