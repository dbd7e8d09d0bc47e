"""Making changes of facts: checked against the newest facts, appended, and only then acknowledged.

- What comes to a broker at about the same time goes into one revision: there is a pause between two
  of them anyway, and who comes within the first half of it goes along. All of it is looked at
  together; if anything is wrong with that, each in its turn, on what those before it leave: so each
  gets its own answer or its own faults.
- Whoever is overtaken by another broker checks again, against what stands then.
- Acknowledged means: no bucket grants anything on older facts any more.
- A lost answer of the ledger is asked for again, under the same operation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from broker.clock import Clock
from broker.errors import BrokerError, StoreUnavailableError, SupersededError
from broker.facts.change import ChangeSet
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.fault import ChangeFault
from broker.facts.fields import reason_faults, text_faults
from broker.faultpoints import FaultPoints
from broker.store.facts_entry import FactsEntry, Position
from broker.store.facts_log import FactsLog, Repeat

MOST: Final = 200
"""Changes of callers in one revision: an event for each is written by one script."""

_TOGETHER: Final = 10_000
"""Single changes in one revision, unless one caller has more."""

_LARGE: Final = 200
"""Single changes from which on a check is made beside the event loop."""

_ROUNDS: Final = 100
_REPEATS: Final = 3
_PAUSE_S: Final = 0.1

Newest = Callable[[], Awaitable[tuple[Facts, Position]]]
"""Returns the facts over what the bundle declares, as the log ends now."""

Refusal = Callable[[Sequence[ChangeFault], ChangeSet], BrokerError]
"""Returns the error that carries the faults of a change."""


_Checked = tuple[tuple[ChangeFault, ...], Facts | None]
"""What is wrong with a change; if nothing is, the facts after it, at the revision before it."""


class _Once(NamedTuple):
    """A request without an idempotency key."""

    key: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Sets of changes whose caller waits: each on what those before it leave.

    ``base`` is the revision that they must follow, if any.
    """

    parts: tuple[ChangeSet, ...]
    base: int | None
    same: Repeat
    answer: asyncio.Future[int] = field(default_factory=asyncio.Future)

    @property
    def size(self) -> int:
        """How many single changes these are."""
        return sum(len(part.changes) for part in self.parts)

    def fail(self, error: BaseException) -> None:
        """Tell the caller, unless it is gone."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def succeed(self, revision: int) -> None:
        """Tell the caller, unless it is gone."""
        if not self.answer.done():
            self.answer.set_result(revision)


class FactChanges:
    """One broker's way to change facts."""

    def __init__(
        self,
        log: FactsLog,
        newest: Newest,
        *,
        refusal: Refusal,
        clock: Clock,
        faults: FaultPoints,
        counted: Callable[[int], None] = lambda _changes: None,
    ) -> None:
        self._log = log
        self._newest = newest
        self._refusal = refusal
        self._clock = clock
        self._faults = faults
        self._counted = counted
        self._queue: list[_Waiting] = []
        self._at_work: asyncio.Task[None] | None = None
        self._next_ms = 0

    async def apply(
        self, change: ChangeSet, *, base: int | None = None, same: Repeat | None = None
    ) -> int:
        """Make a change, all of it or nothing; return the revision that it is.

        ``same`` names the request that it comes from: made before, it returns what it was then.

        Raises:
            BrokerError: it cannot be; the error has every fault.
            SupersededError: another revision than ``base`` stands, or others change all the time.
            IdempotencyConflictError: the key was used for another request.
            StoreUnavailableError: it is not acknowledged; it may have been made, or be made yet.
        """
        return await self._wait(_Waiting((change,), base, same or _Once()))

    async def apply_all(self, parts: Sequence[ChangeSet], *, base: int) -> int:
        """Make sets of several sources in one revision, all of them or nothing.

        Each of them must be good on what those before it leave. Raises what :meth:`apply` does.
        """
        return await self._wait(_Waiting(tuple(parts), base, _Once()))

    async def _wait(self, waiting: _Waiting) -> int:
        self._queue.append(waiting)
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._work())
        return await waiting.answer

    async def done(self, same: Repeat) -> int:
        """Return the revision that a request has made already; 0 when it has made none.

        Raises:
            IdempotencyConflictError: the key was used for another request.
        """
        return await self._log.made(same)

    async def stop(self) -> None:
        """End what is under way; callers who still wait are told that nobody knows."""
        if self._at_work is not None:
            self._at_work.cancel()
            await asyncio.gather(self._at_work, return_exceptions=True)

    async def _work(self) -> None:
        batch: list[_Waiting] = []
        try:
            while self._queue:
                await self._gather()
                batch = self._take()
                await self._together(batch)
        except BaseException:
            unknown = StoreUnavailableError("the broker stops; the change may have been made")
            for waiting in (*batch, *self._queue):
                waiting.fail(unknown)
            self._queue.clear()
            raise
        finally:
            self._at_work = None

    async def _gather(self) -> None:
        """Let others come along while nothing could be appended yet, unless they are enough."""
        left_ms = self._next_ms - self._clock.monotonic_ms()
        if left_ms > 0 and len(self._queue) < MOST:
            await asyncio.sleep(left_ms / 1000)

    def _take(self) -> list[_Waiting]:
        """Take as many as fit into one revision, in their order; the same request only once."""
        size, events, keys, count = 0, 0, set[str](), 0
        for waiting in self._queue:
            size += waiting.size
            events += len(waiting.parts)
            is_full = count > 0 and (events > MOST or size > _TOGETHER)
            if is_full or waiting.same.key in keys:
                break
            keys |= {waiting.same.key} - {""}
            count += 1
        taken, self._queue = self._queue[:count], self._queue[count:]
        return taken

    async def _together(self, batch: list[_Waiting]) -> None:
        try:
            for _ in range(_ROUNDS):
                batch = [waiting for waiting in batch if not await self._is_made(waiting)]
                if not batch or await self._round(batch):
                    return
            raise SupersededError("others change facts all the time: try again")
        except BrokerError as error:
            for waiting in batch:
                waiting.fail(error)

    async def _is_made(self, waiting: _Waiting) -> bool:
        """Answer a request that was made before, and one that is another than it was."""
        try:
            revision = await self._log.made(waiting.same)
        except StoreUnavailableError:
            raise
        except BrokerError as error:
            waiting.fail(error)
            return True
        if revision:
            await self._log.settle(revision)
            waiting.succeed(revision)
        return bool(revision)

    async def _round(self, batch: list[_Waiting]) -> bool:
        """Check and append; return whether everybody has an answer."""
        facts, end = await self._newest()
        if not await self._is_good(facts, batch):
            batch[:] = await self._one_by_one(facts, batch)
        if not batch:
            return True
        self._faults.reach("change.checked")
        try:
            entry = await self._append(batch, end)
        except SupersededError:
            return False
        self._faults.reach("change.appended")
        self._next_ms = self._clock.monotonic_ms() + self._log.gap_ms // 2
        await self._decide_by_it()
        await self._log.settle(entry.revision)
        self._faults.reach("change.settled")
        self._acknowledge(batch, entry)
        return True

    async def _is_good(self, facts: Facts, batch: Sequence[_Waiting]) -> bool:
        """Tell whether nothing is wrong with all of them together: one look for a hundred."""
        together = _as_one(batch)
        return together is not None and not (await self._check(facts, together))[0]

    async def _one_by_one(self, facts: Facts, batch: Sequence[_Waiting]) -> list[_Waiting]:
        """Return whom nothing is wrong with, each on what those before leave; tell the others."""
        good: list[_Waiting] = []
        for waiting in batch:
            if waiting.base is not None and (waiting.base != facts.revision or good):
                waiting.fail(SupersededError(f"the facts are not at {waiting.base} any more"))
                continue
            try:
                facts = await self._after(facts, waiting.parts)
            except BrokerError as error:
                waiting.fail(error)
                continue
            good.append(waiting)
            await asyncio.sleep(0)  # others have their turn, however many there are
        return good

    async def _after(self, facts: Facts, parts: Sequence[ChangeSet]) -> Facts:
        """Return the facts after sets of changes.

        Raises:
            BrokerError: one of them cannot be; the error has every fault of it.
        """
        for part in parts:
            faults, after = await self._check(facts, part)
            if after is None:
                raise self._refusal(faults, part)
            facts = after
        return facts

    async def _check(self, facts: Facts, change: ChangeSet) -> _Checked:
        now_ms = self._clock.now_ms()
        if len(change.changes) > _LARGE:
            return await asyncio.to_thread(_check, facts, change, now_ms)
        return _check(facts, change, now_ms)

    async def _append(self, good: Sequence[_Waiting], end: Position) -> FactsEntry:
        parts = [part for waiting in good for part in waiting.parts]
        keys = [waiting.same for waiting in good if waiting.same.key]
        append = partial(
            self._log.append,
            parts,
            base=end,
            operation=self._log.operation(),
            keys=keys,
            staged=lambda: self._faults.reach("change.staged"),
        )
        for _ in range(_REPEATS):
            try:
                return await append()
            except StoreUnavailableError:
                await asyncio.sleep(_PAUSE_S)
        return await append()

    async def _decide_by_it(self) -> None:
        """Let this broker decide by it first: whoever is answered finds it so here.

        Before it counts elsewhere, so that it overtakes no decision that begins here from now on.
        Where the log cannot be read now, it is followed later, like any other's change.
        """
        with suppress(BrokerError):
            await self._newest()

    def _acknowledge(self, good: Sequence[_Waiting], entry: FactsEntry) -> None:
        for waiting in good:
            waiting.succeed(entry.revision)
            self._counted(waiting.size)


def _check(facts: Facts, change: ChangeSet, now_ms: int) -> _Checked:
    faults = faults_of(facts, change, now_ms=now_ms)
    return faults, None if faults else facts.changed(change, facts.revision)


def _as_one(batch: Sequence[_Waiting]) -> ChangeSet | None:
    """Return the changes of several as one set, if they can be looked at as one."""
    parts = [part for waiting in batch for part in waiting.parts]
    first = parts[0]
    sources = {part.source for part in parts}
    are_plain = all(
        part.changes
        and not part.exact
        and not any(text_faults("by", part.by))
        and not any(reason_faults("reason", part.reason))
        for part in parts
    )
    are_free = all(waiting.base is None for waiting in batch)
    if len(batch) == 1 or len(sources) > 1 or not (are_plain and are_free):
        return None
    changes = tuple(each for part in parts for each in part.changes)
    return ChangeSet(first.by, first.reason, changes, first.source)
