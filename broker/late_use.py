"""Notes that what has ended is still used: an agent asks within it, or its token is shown.

Nothing is written for whoever stays within what is open. What is noted is bounded by agent and
minute; a note that cannot be made is left out, for it is nobody's access.
"""

from contextlib import suppress
from typing import Final, Protocol

from broker.clock import Clock
from broker.errors import StoreUnavailableError
from broker.model.lease import Lease
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.store import codec
from broker.store.watch_ledger import WatchLedger

GRACE_MS: Final = 10_000
"""Whoever was served a moment before the end shows its token a moment after it."""

_REMEMBERED: Final = 4_096
_AGAIN_MS: Final = 60_000


class Lateness(Protocol):
    """Who is told of it."""

    async def asked(self, caller: Principal) -> None:
        """Hear that somebody asked for something in a task that has ended."""
        ...

    async def shown(self, lease: Lease) -> None:
        """Hear that somebody shows a token that is dead."""
        ...


class Unnoted:
    """Nobody is told."""

    async def asked(self, caller: Principal) -> None:
        """Do nothing."""

    async def shown(self, lease: Lease) -> None:
        """Do nothing."""


class LateUse:
    """Tells of it in the outbox, and so in the trail."""

    def __init__(self, ledger: WatchLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._shown: dict[str, int] = {}

    async def asked(self, caller: Principal) -> None:
        """Note that an agent asked for something in a task that has ended."""
        tenants = caller.tenants - {ALL_TENANTS}
        if caller.kind is not Kind.AGENT or len(tenants) != 1:
            return
        detail = {"agent": caller.name, "instance": caller.instance, "how": "ask"}
        await self._note(next(iter(tenants)), caller.name, detail)

    async def shown(self, lease: Lease) -> None:
        """Note that somebody shows a token whose end is some time ago, once a minute for each."""
        spec, now = lease.spec, self._clock.monotonic_ms()
        is_late = lease.ended_at_ms and lease.judged_at_ms - lease.ended_at_ms > GRACE_MS
        if not is_late or lease.ended_by == "expired":
            return
        if now - self._shown.pop(spec.id, -_AGAIN_MS) < _AGAIN_MS:
            return
        self._shown[spec.id] = now
        while len(self._shown) > _REMEMBERED:
            del self._shown[next(iter(self._shown))]
        detail = {
            "task": spec.task,
            "credential": spec.id,
            "agent": spec.agent,
            "capability": spec.capability,
            "how": "introspect",
            "ended_by": lease.ended_by,
        }
        await self._note(spec.tenant, spec.agent, detail)

    async def _note(self, tenant: str, agent: str, detail: dict[str, str]) -> None:
        with suppress(StoreUnavailableError):
            await self._ledger.late(tenant, agent, codec.encode(detail))
