"""What people and their systems have yet to be told, who tells them, and how each receiver is.

Invariants, which the scripts keep wherever a broker is killed:

- one broker has the turn of telling; whoever had it before can note nothing any more;
- moving on along the log and putting its messages before the receivers is one step: none is
  skipped, none comes in twice;
- a receiver's messages keep their order, and the oldest leaves only when it was told or given up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.store.feed_entry import pairs
from broker.store.feed_keys import FeedKeys
from broker.store.link import ENDING, READING, Link, Value, load_script

_PART: Final = "part_notice"
_TURN: Final = load_script("notice_turn", _PART, header=ENDING)
_COLLECT: Final = load_script("notice_collect", _PART, header=ENDING)
_LOOK: Final = load_script("notice_look", _PART, header=READING)
_SETTLE: Final = load_script("notice_settle", _PART, header=ENDING)

KEPT_MS: Final = 7 * 24 * 3_600_000
"""For how long what waits outlives the last broker that knew its receiver."""


class Settled(StrEnum):
    """What came of telling somebody something."""

    DONE = "done"
    FAILED = "failed"
    GIVEN_UP = "given-up"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """How a receiver is, by the server's clock.

    ``oldest`` is the message that is told next, empty where none waits; ``since_ms``: since when
    it fails; ``next_ms``: when the oldest is tried next; ``stopped``: the place that wanted no
    more of them.
    """

    now_ms: int
    oldest: str
    waiting: int
    tries: int
    next_ms: int
    since_ms: int
    why: str
    stopped: str
    told_ms: int
    done: int
    given_up: int
    given_up_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Who may tell: ``fence`` is 0 when it is somebody else."""

    fence: int
    now_ms: int


class TurnLostError(Exception):
    """Another broker tells by now: nothing was noted."""


class NoticeLedger:
    """Keeps it, beside the feed log."""

    def __init__(self, link: Link, namespace: str) -> None:
        self._link = link
        self._keys = FeedKeys(namespace)

    async def turn(self, process: str, lasts_ms: int, fence: int) -> Turn:
        """Take the turn, keep it, or let it go with ``lasts_ms`` 0.

        Raises:
            StoreUnavailableError: nobody knows; ask again.
        """
        args: list[Value] = [process, lasts_ms, fence]
        given, now_ms = await self._link.run(_TURN, [self._keys.notices], args)
        return Turn(int(given), int(now_ms))

    async def cursor(self) -> str:
        """Return how far along the log everything was taken up, as :meth:`collect` was told.

        Raises:
            StoreUnavailableError: it cannot be read.
        """
        return str(await self._link.read("HGET", self._keys.notices, "cursor") or "")

    async def collect(
        self, fence: int, stood: str, now: str, messages: Sequence[tuple[str, str]]
    ) -> None:
        """Move on along the log, and put (receiver, message) before each.

        Raises:
            TurnLostError: nothing was done.
            StoreUnavailableError: nobody knows; read the cursor.
        """
        names = list(dict.fromkeys(name for name, _ in messages))
        keys = [self._keys.notices, *map(self._keys.waiting, names)]
        args: list[Value] = [fence, stood, now, KEPT_MS]
        for name, message in messages:
            args += (names.index(name) + 1, message)
        self._require(await self._link.run(_COLLECT, keys, args))

    async def look(self, receiver: str) -> ReceiverState:
        """Return what a receiver is to be told next, and how it is.

        Raises:
            StoreUnavailableError: it cannot be read.
        """
        keys = [self._keys.notices, self._keys.waiting(receiver)]
        now_ms, oldest, waiting, flat = await self._link.run(_LOOK, keys, [receiver])
        return _state(int(now_ms), oldest, int(waiting), pairs(flat))

    async def settle(
        self,
        fence: int,
        receiver: str,
        message: str,
        settled: Settled,
        *,
        wait_ms: int = 0,
        why: str = "",
    ) -> None:
        """Note what came of the oldest message. Twice is once.

        Raises:
            TurnLostError: nothing was noted.
            StoreUnavailableError: nobody knows; do it again.
        """
        args: list[Value] = [fence, receiver, message, settled.value, wait_ms, why]
        keys = [self._keys.notices, self._keys.waiting(receiver)]
        self._require(await self._link.run(_SETTLE, keys, args))

    async def resume(self, receiver: str) -> None:
        """Tell a receiver again that wanted no more.

        Raises:
            StoreUnavailableError: nobody knows; do it again.
        """
        args: list[Value] = [0, receiver, "", "resumed", 0, ""]
        keys = [self._keys.notices, self._keys.waiting(receiver)]
        await self._link.run(_SETTLE, keys, args)

    @staticmethod
    def _require(reply: Sequence[str]) -> None:
        if reply[0] == "lost":
            raise TurnLostError


def _state(now_ms: int, oldest: str, waiting: int, found: Mapping[str, str]) -> ReceiverState:
    return ReceiverState(
        now_ms=now_ms,
        oldest=oldest,
        waiting=waiting,
        tries=int(found["tries"] or 0),
        next_ms=int(found["next"] or 0),
        since_ms=int(found["since"] or 0),
        why=found["why"],
        stopped=found["stopped"],
        told_ms=int(found["told"] or 0),
        done=int(found["done"] or 0),
        given_up=int(found["given-up"] or 0),
        given_up_ms=int(found["given_at"] or 0),
    )
