"""Turns the coroutine methods of the async client into methods that wait: same names, same types.

A class of blocking calls has ``calls`` (the async ones) and ``thread`` (where they run), and says
for each method ``open = blocking(TaskCalls.open)``. There is no second implementation.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from broker.client.errors import ClientError
from broker.client.loop_thread import LoopThread

P = ParamSpec("P")
R = TypeVar("R")


class BlockingCalls:
    """Calls of the async client, for threads."""

    def __init__(self, calls: object, thread: LoopThread) -> None:
        self.calls = calls
        self.thread = thread


class blocking(Generic[P, R]):  # noqa: N801  used like a function
    """A method that runs a coroutine method in the loop's thread and waits for it."""

    def __init__(self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, owner: BlockingCalls, kind: type | None = None) -> Callable[P, R]:
        """Bind it."""

        @wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return owner.thread.run(self._method(owner.calls, *args, **kwargs))

        return call


class iterating(Generic[P, R]):  # noqa: N801  used like a function
    """A method that yields what an async iterator yields, one item at a time."""

    def __init__(self, method: Callable[Concatenate[Any, P], AsyncIterator[R]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, owner: BlockingCalls, kind: type | None = None) -> Callable[P, Iterator[R]]:
        """Bind it."""

        @wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
            return _items(owner.thread, self._method(owner.calls, *args, **kwargs))

        return call


def _items(thread: LoopThread, items: AsyncIterator[R]) -> Iterator[R]:
    try:
        while True:
            found = thread.run(_following(items))
            if not found:
                return
            yield found[0]
    finally:
        with suppress(ClientError):  # closed meanwhile: then it has ended with the loop
            thread.run(_ended(items))


async def _following(items: AsyncIterator[R]) -> tuple[R, ...]:
    """Return the next item, or nothing at the end: StopAsyncIteration does not cross threads."""
    async for item in items:
        return (item,)
    return ()


async def _ended(items: AsyncIterator[Any]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()
