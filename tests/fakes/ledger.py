"""A ledger that does nothing but say what happened, as the real one's scripts do."""

import itertools
import json
from collections.abc import Mapping

from msgspec.structs import replace

from broker.store.feed_entry import OutboxEntry
from broker.store.feed_keys import FeedKeys
from broker.store.link import HEADER, Link, Script

FAR_MS = 4_000_000_000_000
"""An instant in the year 2096."""

_SAY = Script(
    "say",
    HEADER
    + """
local n = redis.call('HINCRBY', KEYS[2], 'out', 1)
redis.call('XADD', KEYS[1], n .. '-0', unpack(ARGV))
return n
""",
)
_WRITE = Script("write", HEADER + "return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))")


class FakeLedger:
    """Appends outbox entries with dense numbers, in the documented form."""

    def __init__(self, link: Link, namespace: str = "jit") -> None:
        self._link = link
        self._keys = FeedKeys(namespace)
        self._operations = itertools.count(1)
        self.said: list[OutboxEntry] = []
        """Everything, in the order in which it happened."""

    async def say(self, bucket: int = 0, **words: object) -> OutboxEntry:
        """Let something happen in a bucket; the number is the next one."""
        words = {"op": f"op-{next(self._operations)}", **words}
        entry = entry_of(bucket, 0, **words)
        outbox = self._keys.outbox(bucket)
        keys = [outbox, outbox.replace(":out", ":meta")]
        flat = [word for pair in fields_of(entry).items() for word in pair]
        n = await self._link.run(_SAY, keys, flat)
        entry = replace(entry, n=n)
        self.said.append(entry)
        return entry

    async def revoke(self, lease: int, bucket: int = 0, **words: object) -> OutboxEntry:
        """End a lease, so that every resource server must hear it."""
        event = {"feed": json.dumps({"jti": lease_id(lease, bucket)}), "aud": "*", "exp": FAR_MS}
        return await self.say(bucket, type="lease.ended", **{**event, **words})

    async def write(self, key: str, *command: str | int) -> object:
        """Run any command that writes: ``write(key, "DEL")``."""
        return await self._link.run(_WRITE, [key], command)


def lease_id(number: int, bucket: int = 0) -> str:
    """Name a lease by a number, so that a test can tell them apart."""
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    word = ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        word = digits[digit] + word
    return f"l_{bucket:02x}_{word}"


def entry_of(bucket: int, n: int, **words: object) -> OutboxEntry:
    """Make an entry; what is not given is a lease that was issued."""
    kind = str(words.get("type", "lease.issued"))
    detail = words.get("detail", {"lease": f"l_{bucket:02x}_{n}"})
    return OutboxEntry(
        bucket=bucket,
        n=n,
        type=kind,
        at_ms=int(str(words.get("at", 1_700_000_000_000))),
        op=str(words.get("op", f"op-{bucket}-{n}")),
        tenant=str(words.get("tenant", "acme")),
        feed=str(words.get("feed", "")),
        audiences=str(words.get("aud", "")),
        exp_ms=int(str(words.get("exp", 0))),
        detail=detail if isinstance(detail, str) else json.dumps(detail),
    )


def fields_of(entry: OutboxEntry) -> Mapping[str, str | int]:
    """Write an entry as the stream has it."""
    return {
        "type": entry.type,
        "at": entry.at_ms,
        "op": entry.op,
        "tenant": entry.tenant,
        "feed": entry.feed,
        "aud": entry.audiences,
        "exp": entry.exp_ms,
        "detail": entry.detail,
    }
