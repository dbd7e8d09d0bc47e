"""Refusals, kept for the operators who will be asked why."""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from broker.errors import NotFoundError
from broker.ids import DecisionId, IdFactory
from broker.store import codec, scripts
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link

_PER_MINUTE: Final = 100
"""Recorded refusals of one caller a minute; beyond that they are only counted in the metrics."""


LISTED: Final = 10_000
"""Refusals of one bucket that are listed, the newest ones: about 1 MB."""


class DecisionLog:
    """Writes refusals to the audit trail and keeps them for ``explain``."""

    def __init__(self, link: Link, keys: Keyspace, ids: IdFactory, limits: Limits) -> None:
        self._link = link
        self._keys = keys
        self._ids = ids
        self._limits = limits

    async def note(
        self, caller: str, tenant: str, record: Mapping[str, object], *, question: str
    ) -> DecisionId:
        """Record a refusal and return its id, to be quoted to an operator.

        ``record`` goes to the audit trail and is kept; ``question`` (the whole query as JSON) is
        only kept, for as long as an operator may ask.

        A caller's refusals go to one bucket, where they are counted: a looping agent fills nobody's
        outbox.
        """
        home = hashlib.sha256(caller.encode()).digest()[0] % len(self._keys.buckets)
        decision = self._ids.decision(home)
        bucket = self._keys.buckets[home]
        told = {"decision": decision, "tenant": tenant, **record}
        kept = codec.encode({**told, "question": question})
        detail = codec.encode(told)
        keys = [*bucket.head, bucket.decision(decision), bucket.denials(caller), bucket.refusals]
        args: list[str | int] = [
            self._ids.operation(),
            tenant,
            kept,
            self._limits.retention_ms,
            _PER_MINUTE,
            detail,
            decision,
            LISTED,
        ]
        await self._link.run(scripts.DECISION_NOTE, keys, args)
        return decision

    async def find(self, decision: DecisionId) -> Mapping[str, object]:
        """Return a recorded refusal.

        Raises:
            NotFoundError: unknown, no longer kept, or beyond the caller's share of that minute.
        """
        text = await self._link.read("GET", self._keys.of(decision).decision(decision))
        if not text:
            raise NotFoundError("no such decision is kept")
        return msgspec.json.decode(text, type=dict[str, object])
