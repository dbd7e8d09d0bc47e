"""What each broker of an installation serves, in its own words, with the time when it said so."""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from broker.store import codec, scripts
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Value

LIVING_MS: Final = 10_000
"""A broker that has said nothing for so long is not known to live: twenty of its looks."""

REMEMBERED_MS: Final = 24 * 3600 * 1000
"""How long a silent broker is named: it may be cut off and come back."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What one broker serves.

    ``name`` is for people. ``manifest`` and ``key_set`` (a digest) are of the JWK Set it shows,
    ``halves`` the published keys that it could sign by, ``trouble`` why it signs by none. ``graph``
    is the revision of the facts that it decides by, ``facts_age_ms`` how long ago that was the
    newest: -1 is never, None is not said (brokers of before).
    """

    name: str
    manifest: int
    key_set: str
    halves: tuple[str, ...]
    revision: int
    is_giving: bool
    trouble: str = ""
    graph: int = 0
    facts_age_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Replica:
    """A broker as the ledger heard of it last, so long ago."""

    id: str
    seen_ms: int
    serving: Serving
    now_ms: int = field(default=0, compare=False)

    @property
    def silent_ms(self) -> int:
        """How long it has said nothing."""
        return max(0, self.now_ms - self.seen_ms)

    @property
    def is_living(self) -> bool:
        """Tell whether it has been heard of lately."""
        return self.silent_ms <= LIVING_MS


_SERVING: Final = msgspec.json.Decoder(Serving)


class Replicas:
    """Keeps what brokers report."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._key = keys.replicas

    async def report(self, replica: str, serving: Serving) -> None:
        """Say what a broker serves now.

        Raises:
            StoreUnavailableError: nobody heard it.
        """
        args: list[Value] = [replica, codec.encode(serving), REMEMBERED_MS]
        await self._link.run(scripts.REPLICA_REPORT, [self._key], args)

    async def leave(self, replica: str) -> None:
        """Say that a broker serves nothing any more.

        Raises:
            StoreUnavailableError: nobody heard it: it counts as silent.
        """
        await self._link.run(scripts.REPLICA_REPORT, [self._key], [replica, "", REMEMBERED_MS])

    async def all(self, now_ms: int) -> list[Replica]:
        """Return every broker that is remembered, by name. ``now_ms`` is by the ledger's clock.

        Raises:
            UnreadableRecordError: a report is none of ours.
        """
        flat = await self._link.read("HGETALL", self._key)
        found = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        with codec.reading("what a broker serves"):
            replicas = [_replica(name, told, now_ms) for name, told in found.items()]
        return sorted(replicas, key=lambda each: (each.serving.name, each.id))


def _replica(name: str, told: str, now_ms: int) -> Replica:
    seen, _, serving = told.partition(" ")
    return Replica(name, int(seen), _SERVING.decode(serving), now_ms)
