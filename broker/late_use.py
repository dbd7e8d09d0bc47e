"""Notes that what has ended is still used, or that an instance knocks on a task that it has not.

An agent asks or claims within what has ended, or its token is shown; an instance asks for what
belongs to another one.

Nothing is written for whoever stays within what is open. What is noted is bounded by agent and
minute; a note that cannot be made is left out, for it is nobody's access.
"""

from contextlib import suppress
from typing import Final, Protocol

from broker.clock import Clock
from broker.errors import StoreUnavailableError
from broker.ids import TaskId
from broker.model.lease import Lease
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.store import codec
from broker.store.watch_ledger import WatchLedger

LATE: Final = "use.late"
FOREIGN: Final = "use.foreign"

GRACE_MS: Final = 10_000
"""Whoever was served a moment before the end shows its token a moment after it."""

_REMEMBERED: Final = 4_096
_AGAIN_MS: Final = 60_000


class Lateness(Protocol):
    """Who is told of it."""

    async def asked(self, caller: Principal, how: str = "ask") -> None:
        """Hear that somebody asked for something in a task that has ended, or claims it."""
        ...

    async def knocked(self, caller: Principal, task: TaskId, tenant: str) -> None:
        """Hear that somebody wants something of a task that is another's."""
        ...

    async def shown(self, lease: Lease) -> None:
        """Hear that somebody shows a token that is dead."""
        ...


class Unnoted:
    """Nobody is told."""

    async def asked(self, caller: Principal, how: str = "ask") -> None:
        """Do nothing."""

    async def knocked(self, caller: Principal, task: TaskId, tenant: str) -> None:
        """Do nothing."""

    async def shown(self, lease: Lease) -> None:
        """Do nothing."""


UNNOTED: Final = Unnoted()


class LateUse:
    """Tells of it in the outbox, and so in the trail."""

    def __init__(self, ledger: WatchLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._shown: dict[str, int] = {}

    async def asked(self, caller: Principal, how: str = "ask") -> None:
        """Note that an agent asked for something in a task that has ended."""
        tenants = caller.tenants - {ALL_TENANTS}
        if caller.kind is not Kind.AGENT or len(tenants) != 1:
            return
        detail = {"agent": caller.name, "instance": caller.instance, "how": how}
        await self._note(LATE, next(iter(tenants)), caller.name, detail)

    async def knocked(self, caller: Principal, task: TaskId, tenant: str) -> None:
        """Note that an instance, of the task's agent or of another one, wants what it has not.

        Only within the task's tenant: elsewhere the task does not exist.
        """
        if caller.kind is Kind.AGENT and caller.answers_for(tenant):
            detail = {"agent": caller.name, "instance": caller.instance, "task": task}
            await self._note(FOREIGN, tenant, caller.name, detail)

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
        await self._note(LATE, spec.tenant, spec.agent, detail)

    async def _note(self, kind: str, tenant: str, agent: str, detail: dict[str, str]) -> None:
        with suppress(StoreUnavailableError):
            await self._ledger.note_use(kind, tenant, agent, codec.encode(detail))
