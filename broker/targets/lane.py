"""Threads that belong to one target, for calls that block.

A call that hangs keeps its thread and its place, and nobody else's. Who asked for it stops waiting
at the deadline; a call that has not begun by then never begins.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from backends.contract import Deadline
from backends.errors import BackendError, NotMintedError, Trouble

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job:
    call: Callable[[], Any]
    deadline: Deadline
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Any]"
    done: Callable[[], None]


class Lane:
    """So many threads, and so many calls that may wait for one of them."""

    def __init__(self, name: str, *, threads: int, queue_length: int) -> None:
        self._name = name
        self._most_threads = threads
        self._most = threads + queue_length
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def under_way(self) -> int:
        """Calls that wait or run, those included that nobody waits for any more."""
        return self._under_way

    @property
    def is_full(self) -> bool:
        """Whether no more calls are taken."""
        return self._under_way >= self._most

    async def room(self, seconds: float) -> None:
        """Wait until a call would be taken, first come first served.

        Raises:
            NotMintedError: there was no room in that time.
        """
        try:
            async with asyncio.timeout(seconds):
                while self.is_full:
                    await self._turn()
        except TimeoutError:
            raise NotMintedError(Trouble.BUSY, "too many calls are under way") from None

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._wake()  # it was this one's turn, and it has gone
            raise

    async def run(self, call: Callable[[], T], deadline: Deadline) -> T:
        """Run a call in a thread, and wait for it until the deadline.

        Raises:
            NotMintedError: it did not begin: there is no room, or was no thread in time.
            BackendError: it raised that, or went on beyond the deadline (``LATE``).
        """
        if self.is_full:
            raise NotMintedError(Trouble.BUSY, "too many calls are under way")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._under_way += 1
        self._start_thread()
        self._jobs.put(_Job(call, deadline, loop, answer, self._done))
        try:
            async with asyncio.timeout(deadline.left_s):
                return await answer
        except TimeoutError:
            raise BackendError(Trouble.LATE, "no answer before the deadline") from None

    def close(self) -> None:
        """Let idle threads end; those that hang die with the process."""
        for _ in self._threads:
            self._jobs.put(None)

    def _done(self) -> None:
        self._under_way -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _start_thread(self) -> None:
        if len(self._threads) < min(self._under_way, self._most_threads):
            name = f"{self._name}-{len(self._threads)}"
            thread = threading.Thread(target=_work, args=(self._jobs,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()


def _work(jobs: "queue.SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        try:
            if job.deadline.left_s <= 0:
                raise NotMintedError(Trouble.LATE, "no thread was free before the deadline")  # noqa: TRY301 - as if the call had
            result, error = job.call(), None
        except BackendError as raised:
            result, error = None, raised
        except Exception as raised:  # noqa: BLE001 - a backend's own; its text may hold anything
            result, error = None, BackendError(Trouble.UNKNOWN, type(raised).__name__)
        _tell(job, result, error)
        del job, result, error  # a secret lives no longer than its delivery


def _tell(job: _Job, result: object, error: BackendError | None) -> None:
    try:
        job.loop.call_soon_threadsafe(_settle, job, result, error)
    except RuntimeError:
        return  # the loop has ended, and everybody who waited with it


def _settle(job: _Job, result: object, error: BackendError | None) -> None:
    job.done()
    if job.answer.done():
        return
    if error is None:
        job.answer.set_result(result)
    else:
        job.answer.set_exception(error)
