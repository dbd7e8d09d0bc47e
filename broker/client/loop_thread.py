"""A private event loop in a thread of its own, for callers that have none.

* Any thread may use it, also one in which another event loop runs (which it then blocks).
* In a forked child it refuses (:class:`~broker.client.errors.ForkedError`): no thread is there.
* At the interpreter's end, what was kept open is closed first, within a bound; the loop's own
  helper threads are gone by then, so work for them is done in the loop's thread.
"""

import asyncio
import atexit
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from broker.client.errors import ClosedError, WrongLoopError
from broker.client.home import Home

CLOSE_SECONDS: Final = 25.0
"""How long closing may take: a little more than ending a task may."""

P = ParamSpec("P")
T = TypeVar("T")

Cleanup = Callable[[], Awaitable[object]]


class _Executor(ThreadPoolExecutor):
    """Helper threads; at the interpreter's end, none."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:  # "cannot schedule new futures after interpreter shutdown"
            done: Future[T] = Future()
            try:
                done.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001  it is the caller's, and reaches the caller
                done.set_exception(error)
            return done


class LoopThread:
    """Runs coroutines for threads that wait for them."""

    def __init__(self) -> None:
        self._home = Home()
        self._lock = threading.Lock()
        self._is_closing = False
        self._kept: dict[int, Cleanup] = {}
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_Executor(max_workers=4))
        self._thread = threading.Thread(target=self._serve, name="jit-broker-client", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for what it returns or raises.

        Interrupting the waiting thread cancels the coroutine, and does not wait for it.

        Raises:
            ForkedError: in a forked child.
            WrongLoopError: called from the loop itself, which would wait for itself.
            ClosedError: after :meth:`close`.
        """
        try:
            self._require_usable()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except BaseException:
            work.close()
            raise
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ClosedError("the client was closed meanwhile") from None
        except BaseException:
            future.cancel()
            raise

    def keep(self, owner: object, cleanup: Cleanup) -> None:
        """Have something cleaned up at the close, unless it is released before."""
        with self._lock:
            self._kept[id(owner)] = cleanup

    def release(self, owner: object) -> None:
        """Forget what was kept for an owner."""
        with self._lock:
            self._kept.pop(id(owner), None)

    def close(self) -> None:
        """Clean up what is kept and end the loop. Harmless when repeated."""
        if not self._home.is_here():
            return  # a forked child ends: everything is the parent's
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
            kept = list(self._kept.values())[::-1]
        atexit.unregister(self.close)
        closing = asyncio.run_coroutine_threadsafe(self._wind_up(kept), self._loop)
        with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
            closing.result(CLOSE_SECONDS + 1)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1)

    def _require_usable(self) -> None:
        self._home.require_process()
        if threading.current_thread() is self._thread:
            raise WrongLoopError("called from within the client's own loop")
        if self._is_closing:
            raise ClosedError("the client is closed")

    async def _wind_up(self, kept: list[Cleanup]) -> None:
        """Clean up all at once, but what was kept first (connections) after all others."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(each() for each in kept[:-1]), return_exceptions=True)
                await self._others_done(within_seconds=2)
                for each in kept[-1:]:
                    await asyncio.gather(each(), return_exceptions=True)
        for task in self._others():
            task.cancel()
        await self._others_done(within_seconds=1)

    @staticmethod
    def _others() -> set[asyncio.Task[Any]]:
        return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    async def _others_done(self, *, within_seconds: float) -> None:
        if others := self._others():
            await asyncio.wait(others, timeout=within_seconds)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
