"""How far each audit sink has stored the log. What none of them lacks may be dropped."""

from dataclasses import dataclass
from typing import Final

from broker.store.feed_entry import pairs
from broker.store.feed_keys import FeedKeys
from broker.store.link import ENDING, Link, load_script

_CURSOR: Final = load_script("feed_cursor", header=ENDING)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A sink has stored everything up to ``seq`` of ``epoch``.

    ``head`` is the digest of its last line, so that a trail whose end was cut or edited can be told
    from a whole one.
    """

    seq: int
    epoch: str
    head: str


class FeedCursors:
    """The registered audit sinks.

    A sink is only ever forgotten by name: one that is merely down will want what it missed.
    """

    def __init__(self, link: Link, keys: FeedKeys) -> None:
        self._link = link
        self._keys = keys

    async def all(self) -> dict[str, Cursor]:
        """List the sinks by name.

        Raises:
            StoreUnavailableError: the feed cannot be reached.
        """
        flat = await self._link.read("HGETALL", self._keys.cursors)
        return {name: _parse(text) for name, text in pairs(flat).items()}

    async def store(self, sink: str, cursor: Cursor) -> None:
        """Register a sink, or move it.

        Raises:
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        text = f"{cursor.seq} {cursor.epoch} {cursor.head}"
        await self._link.run(_CURSOR, [self._keys.cursors], [sink, text])

    async def forget(self, sink: str) -> bool:
        """Give up waiting for a sink; the log may then drop what it has not stored.

        Returns whether it was known.

        Raises:
            StoreUnavailableError: the outcome is unknown; repeat it.
        """
        return bool(await self._link.run(_CURSOR, [self._keys.cursors], [sink, ""]))


def _parse(text: str) -> Cursor:
    seq, epoch, head = text.split(" ")
    return Cursor(int(seq), epoch, head)
