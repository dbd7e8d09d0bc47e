"""Idempotency keys that stand for one request, wherever that will be carried out."""

from broker.ids import IdFactory
from broker.store import scripts
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.refusals import accept


class Bindings:
    """Which request a key stands for, for as long as what has ended is remembered."""

    def __init__(self, link: Link, keys: Keyspace, ids: IdFactory, limits: Limits) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._limits = limits

    async def bind(self, key: str, digest: str) -> None:
        """Let a key stand for the request of this digest, and no other. A repeat changes nothing.

        It is kept in the bucket that follows from the key, so all who use it meet there.

        Raises:
            IdempotencyConflictError: it stands for another request.
        """
        home = self._keys.buckets[self._ids.bucket_for(key)]
        args: list[str | int] = [digest, self._limits.retention_ms]
        accept(await self._link.run(scripts.IDEM_BIND, [home.idempotency(key)], args))
