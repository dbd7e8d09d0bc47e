"""Long polls: an answer that waits until there is something new to say.

A waiting call looks again and again, ever less often, so that any broker can serve it whoever made
the change. It holds a place, of which there are few in all and fewer for one caller; it ends when
the client goes, and when the broker stops.
"""

import asyncio
import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

import msgspec
from aiohttp import hdrs, web

from broker.errors import InvalidRequestError
from broker.http import render
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.limits import Limits
from broker.http.refusals import TooManyRequestsError
from broker.model.task import UNENDED, TaskState

PARAMETER: Final = "wait"
MAX_SECONDS: Final = 30
"""Many proxies give up on an answer after 60."""

_SECONDS: Final = re.compile(r"0|[1-9][0-9]?", re.ASCII)
_SOONEST: Final = 0.2
_LATEST: Final = 1.0
_SLOWER: Final = 1.4
_VOLATILE: Final = frozenset({"agent_seen_at", "opener_seen_at"})
"""A heartbeat is no news."""

_SETTLED: Final = frozenset({"confirmed", "expired", "irrevocable"})
_ENDED: Final = frozenset(TaskState) - UNENDED

Look = Callable[[], Awaitable[render.Json]]


class Waiters:
    """Knows who waits. One object serves all routes of a process."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.max_waiters
        self._most_of_one = limits.max_waiters_per_caller
        self._waiting: Counter[str] = Counter()
        self._stopping = asyncio.Event()

    def close(self) -> None:
        """Let everybody go, with what is known now. Nobody waits any more after this."""
        self._stopping.set()

    @property
    def count(self) -> int:
        """How many wait."""
        return self._waiting.total()

    async def answer(self, request: web.Request, look: Look) -> web.Response:
        """Answer with what ``look`` sees; with ``wait``, once that differs from what is known.

        What is known is what ``If-None-Match`` names, or else what is seen at first.

        Raises:
            InvalidRequestError: ``wait`` is no number of seconds.
            TooManyRequestsError: there is no place to wait.
        """
        seconds = _seconds(request[QUERY])
        seen = await look()
        known = request.headers.get(hdrs.IF_NONE_MATCH) or _tag(seen)
        # Of a report that is narrowed to a state, what is left out may still come to it.
        is_settled = _is_settled(seen) and "state" not in request[QUERY]
        if seconds and _tag(seen) == known and not is_settled:
            with self._place(request[PRINCIPAL].ref):
                seen = await self._changed(request, look, known, seconds) or seen
        return render.reply(seen, headers={hdrs.ETAG: _tag(seen)})

    async def _changed(
        self, request: web.Request, look: Look, known: str, seconds: int
    ) -> render.Json | None:
        """Look until something else is seen; None when nothing was before time was up."""
        pause = _SOONEST
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._stopping.is_set() and not _is_gone(request):
                    await self._rest(pause)
                    seen = await look()
                    if _tag(seen) != known:
                        return seen
                    pause = min(pause * _SLOWER, _LATEST)
        return None

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    @contextlib.contextmanager
    def _place(self, caller: str) -> Iterator[None]:
        if self.count >= self._most or self._waiting[caller] >= self._most_of_one:
            raise TooManyRequestsError("as many calls wait as may")
        self._waiting[caller] += 1
        try:
            yield
        finally:
            self._waiting[caller] -= 1
            self._waiting += Counter()  # whoever waits no more is forgotten


def _seconds(found: Mapping[str, str]) -> int:
    given = found.get(PARAMETER, "0")
    if _SECONDS.fullmatch(given) is None or int(given) > MAX_SECONDS:
        raise InvalidRequestError(
            f"use a whole number of seconds from 0 to {MAX_SECONDS}", field=PARAMETER
        )
    return int(given)


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _is_settled(seen: Mapping[str, object]) -> bool:
    """Tell whether nothing will change any more: of a task that has ended, or in a whole report.

    The report of an order without receipts is still to be filled; that of an ended task is not,
    because nothing is granted under it any more.
    """
    counts, task = seen.get("counts"), seen.get("task")
    if not isinstance(counts, Mapping):
        return seen.get("state") in _ENDED
    if seen["next"] is not None or not set(counts) <= _SETTLED:
        return False
    return task["state"] in _ENDED if isinstance(task, Mapping) else bool(counts)


def _tag(seen: Mapping[str, object]) -> str:
    """Name what is seen, but for what changes all the time (RFC 9110 §8.8.3)."""
    steady = msgspec.json.encode(_steady(seen), order="deterministic")
    return f'"{hashlib.sha256(steady).hexdigest()[:32]}"'


def _steady(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _steady(member) for name, member in value.items() if name not in _VOLATILE}
    return value
