"""Tells one receiver what waits for it: in order, again and again, within bounds.

Each receiver has a worker of its own, so that one that hangs or lies delays nobody else (I11).
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from broker.errors import StoreUnavailableError
from broker.notices.counts import NoticeCounts
from broker.notices.notice import Notice
from broker.notices.outcome import Delivered, Failed, Outcome, Receiver
from broker.settings.notify import Notify
from broker.store.notice_ledger import NoticeLedger, ReceiverState, Settled

FIRST_WAIT_MS: Final = 1_000
POLL_S: Final = 1.0
REST_S: Final = 0.5
"""After the store did not answer."""

LOGGER: Final = logging.getLogger(__name__)

GiveUp = Callable[[Receiver, Notice, str], Awaitable[None]]
"""Puts into the audit trail that a receiver will not be told something, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all workers share. ``jitter`` returns something of 0 to 1."""

    ledger: NoticeLedger
    settings: Notify
    counts: NoticeCounts
    gave_up: GiveUp
    jitter: Callable[[], float]


def wait_ms(tries: int, most_ms: int, jitter: float) -> int:
    """Return how long to wait after so many failures: twice as long each time, half of it chance.

    Chance keeps many messages of many brokers from coming back in the same breath.
    """
    whole = min(FIRST_WAIT_MS * 2 ** min(tries, 20), most_ms)
    return int(whole / 2 + whole / 2 * jitter)


class Telling:
    """The worker of one receiver, for as long as this broker has the turn."""

    def __init__(self, receiver: Receiver, means: Means, fence: int) -> None:
        self._receiver = receiver
        self._means = means
        self._fence = fence
        self._news = asyncio.Event()

    def poke(self) -> None:
        """Say that there is something to be told."""
        self._news.set()

    async def run(self) -> None:
        """Tell until cancelled.

        Raises:
            TurnLostError: another broker tells by now.
        """
        while True:
            try:
                rest_s = await self.step()
            except StoreUnavailableError as error:
                LOGGER.warning("telling %s waits for the store: %s", self._receiver.name, error)
                rest_s = REST_S
            await self._rest(rest_s)

    async def step(self) -> float:
        """Do what is due; return for how many seconds there is nothing more.

        Raises:
            TurnLostError: another broker tells by now.
            StoreUnavailableError: nobody knows what was noted; call it again.
        """
        self._news.clear()
        state = await self._means.ledger.look(self._receiver.name)
        self._means.counts.waiting(self._receiver.name, state.waiting)
        if not state.oldest:
            return POLL_S
        notice = msgspec.json.decode(state.oldest, type=Notice)
        if (why := self._hopeless(state)) is not None:
            await self._give_up(state.oldest, notice, why)
            return 0
        if state.stopped == self._receiver.place or state.next_ms > state.now_ms:
            return POLL_S
        outcome = await self._receiver.tell(notice, self._means.settings.deadline_ms)
        return await self._note(state, outcome)

    def _hopeless(self, state: ReceiverState) -> str | None:
        settings = self._means.settings
        if state.waiting > settings.queue:
            return f"more than {settings.queue} messages wait"
        if state.tries >= settings.attempts:
            return f"{state.tries} attempts failed; the last: {state.why}"
        return None

    async def _give_up(self, message: str, notice: Notice, why: str) -> None:
        name = self._receiver.name
        LOGGER.error("%s is not told %s (%s): %s", name, notice.id, notice.type, why)
        await self._means.gave_up(self._receiver, notice, why)
        await self._means.ledger.settle(self._fence, name, message, Settled.GIVEN_UP)
        self._means.counts.told(name, Settled.GIVEN_UP)

    async def _note(self, state: ReceiverState, outcome: Outcome) -> float:
        ledger, name, message = self._means.ledger, self._receiver.name, state.oldest
        if isinstance(outcome, Delivered):
            await ledger.settle(self._fence, name, message, Settled.DONE)
            self._means.counts.told(name, Settled.DONE)
            return 0
        if isinstance(outcome, Failed):
            LOGGER.warning("%s was not told: %s", name, outcome.why)
            wait = max(self._wait_ms(state), outcome.retry_after_ms)
            await ledger.settle(
                self._fence, name, message, Settled.FAILED, wait_ms=wait, why=outcome.why
            )
            self._means.counts.told(name, Settled.FAILED)
            return min(wait / 1000, POLL_S)
        LOGGER.error("%s wants no more messages: nothing is sent to it", name)
        place = self._receiver.place
        await ledger.settle(self._fence, name, message, Settled.STOPPED, why=place)
        self._means.counts.told(name, Settled.STOPPED)
        return POLL_S

    def _wait_ms(self, state: ReceiverState) -> int:
        most_ms = self._means.settings.longest_wait_seconds * 1000
        return wait_ms(state.tries, most_ms, self._means.jitter())

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()
