"""The ledger of a running installation, looked at and pushed past every broker."""

import json
from collections import Counter
from typing import Final

from broker.store.floors import REDECIDE
from broker.store.keyspace import Keyspace
from tests.fakes.redis_servers import SingleServer

_MOVED: Final = frozenset({"now", "raised", "redo_since", "redone_facts", "redone_graph", "named"})
"""Fields of a bucket that move by themselves."""


class LedgerView:
    """Reads everything, and lets time pass."""

    def __init__(self, server: SingleServer, keys: Keyspace) -> None:
        self._server = server
        self._keys = keys
        self._log = f"{keys.namespace}:{{feed}}:log"

    def pass_time(self, seconds: float) -> None:
        """Let every bucket have seen a later time: the ledger's clock then never reads less."""
        server_s, server_us = self._server.ask("TIME")
        now = int(server_s) * 1000 + int(server_us) // 1000
        for bucket in self._keys.buckets:
            last = int(self._server.ask("HGET", bucket.meta, "now") or 0)
            later = max(now, last) + round(seconds * 1000)
            self._server.ask("HSET", bucket.meta, "now", later)

    def told(self, kind: str) -> int:
        """Count the events of a kind that all outboxes and the feed log have told."""
        return self.told_by_kind()[kind]

    def told_by_kind(self) -> Counter[str]:
        """Count the events of each kind."""
        streams = [*(bucket.out for bucket in self._keys.buckets), self._log]
        seen = {
            (fields["type"], fields["op"] + fields["detail"])
            for stream in streams
            for fields in self._entries(stream)
        }
        return Counter(kind for kind, _ in seen)

    def _entries(self, stream: str) -> list[dict[str, str]]:
        if self._server.ask("TYPE", stream) != "stream":
            return []
        entries = self._server.ask("XRANGE", stream, "-", "+")
        return [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in entries]

    def revoked(self) -> list[dict[str, object]]:
        """Return what the feed log tells resource servers to refuse, as they are told it."""
        told = [fields.get("feed", "") for fields in self._entries(self._log)]
        return [json.loads(event) for event in told if event]

    def count(self, kind: str, name: str) -> int:
        """Count whom a quota counts now."""
        return int(self._server.ask("ZCARD", self._keys.quota(kind, name)))

    def dump(self) -> dict[str, object]:
        """Return everything that the ledger holds, but for clocks and the feed's own bookkeeping.

        What only the passing of time moves is left out: the buckets' clocks, the shipping of
        outboxes, what is learnt of agents from them, the claims on due work, how far buckets were
        decided again, and until when leases count against quotas.
        """
        kept = {}
        for key in sorted(self._server.ask("KEYS", "*")):
            if (
                ":{feed}:" in key
                or ":{watch}:" in key
                or key.endswith((":out", ":fences", ":replicas"))
            ):
                continue
            if value := self._value(key):  # a key with nothing in it but what moves is no key
                kept[key] = value
        return kept

    def _value(self, key: str) -> object:
        match self._server.ask("TYPE", key):
            case "hash":
                flat = self._server.ask("HGETALL", key)
                pairs = dict(zip(flat[::2], flat[1::2], strict=True))
                return {name: said for name, said in pairs.items() if name not in _MOVED}
            case "zset" if key.endswith(":due") or ":{q:" in key:
                return sorted(set(self._server.ask("ZRANGE", key, 0, -1)) - {REDECIDE})
            case "zset":
                return self._server.ask("ZRANGE", key, 0, -1, "WITHSCORES")
            case "set":
                return sorted(self._server.ask("SMEMBERS", key))
            case "stream":
                return self._server.ask("XRANGE", key, "-", "+")
            case _:
                return self._server.ask("GET", key)
