"""Tells at once, and says whether it arrived: for what must not happen unless somebody knows."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from broker import under_way
from broker.audit.fields import allowed
from broker.clock import Clock
from broker.model.alarm import Arrival
from broker.notices.notice import Notice
from broker.notices.outcome import Delivered, Outcome, Receiver, Stopped

DEADLINE_MS: Final = 5_000


class Alarm:
    """Tells every receiver whose answer counts, all at once, and nobody twice by itself."""

    def __init__(
        self, receivers: Sequence[Receiver], clock: Clock, deadline_ms: int = DEADLINE_MS
    ) -> None:
        self._receivers = receivers
        self._clock = clock
        self._deadline_ms = deadline_ms

    async def sound(
        self, id_: str, type_: str, tenant: str, detail: Mapping[str, object]
    ) -> Arrival:
        """Tell of an event in the members that the audit trail may show."""
        data, _ = allowed(type_, detail)
        now_ms = self._clock.now_ms()
        notice = Notice(id=id_, type=type_, tenant=tenant, at_ms=now_ms, data=data)
        return await self.deliver(notice, self._deadline_ms)

    def heard_by(self, type_: str, tenant: str) -> list[Receiver]:
        """Return whose answer would count for such an event."""
        return [
            each for each in self._receivers if each.is_alarm and each.wishes.include(type_, tenant)
        ]

    async def deliver(self, notice: Notice, deadline_ms: int) -> Arrival:
        """Tell, and wait until one has said that it arrived, or nobody will.

        One is enough: a second one that is down must not keep an emergency's door shut; it is told
        by what follows the log. It takes at most the time given. Twice with one id: the
        receivers know it again.
        """
        chosen = self.heard_by(notice.type, notice.tenant)
        if not chosen:
            return Arrival((), ("no receiver takes alarms of this tenant",))
        tasks = [asyncio.create_task(_tell(each, notice, deadline_ms)) for each in chosen]
        try:
            await _first_delivered(tasks, deadline_ms)
            said = [task.result() if task.done() else None for task in tasks]
        finally:
            await under_way.end(tasks)
        return _arrival(chosen, said)


async def _first_delivered(tasks: "list[asyncio.Task[Outcome]]", deadline_ms: int) -> None:
    with contextlib.suppress(TimeoutError):
        for done in asyncio.as_completed(tasks, timeout=deadline_ms / 1000):
            if isinstance(await done, Delivered):
                return


async def _tell(receiver: Receiver, notice: Notice, deadline_ms: int) -> Outcome:
    return await receiver.tell(notice, deadline_ms)


def _arrival(chosen: Sequence[Receiver], said: Sequence[Outcome | None]) -> Arrival:
    pairs = list(zip(chosen, said, strict=True))
    by = tuple(each.name for each, outcome in pairs if isinstance(outcome, Delivered))
    troubles = tuple(
        f"{each.name}: {_why(outcome)}"
        for each, outcome in pairs
        if not isinstance(outcome, Delivered)
    )
    return Arrival(by, troubles)


def _why(outcome: Outcome | None) -> str:
    if outcome is None:
        return "no answer in time"
    return "wants no more messages" if isinstance(outcome, Stopped) else getattr(outcome, "why", "")
