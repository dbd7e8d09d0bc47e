"""What is told: an event of the ledger, in the members that may be told, for whoever wants it."""

import json
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from broker.audit.fields import allowed
from broker.clock import rfc3339
from broker.model.principal import ALL_TENANTS
from broker.store.feed_entry import LogEntry

NOBODYS: Final = frozenset({"", ALL_TENANTS})
"""The tenants of what belongs to no single one."""

LATEST_MS: Final = 253_402_300_799_000
"""The last second that RFC 3339 can write."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``id`` is the same whenever and by whomever it is told."""

    id: str
    type: str
    tenant: str
    at_ms: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a receiver is told of."""

    events: tuple[str, ...]
    tenants: frozenset[str] = frozenset()

    def include(self, type_: str, tenant: str) -> bool:
        """Tell whether an event of a tenant is among them.

        What belongs to no tenant is for those only who hear of all (I16).
        """
        if self.tenants and tenant not in self.tenants:
            return False
        family = type_.partition(".")[0] + ".*"
        return type_ in self.events or family in self.events


def notice_of(entry: LogEntry) -> Notice:
    """Read what is told of an entry: what the audit trail may say, and nothing else of it."""
    change = entry.change
    try:
        detail = msgspec.json.decode(change.detail or "{}")
    except (msgspec.MsgspecError, RecursionError):
        detail = {}
    shown, _ = allowed(change.type, detail if isinstance(detail, dict) else {})
    return Notice(
        id=f"msg_{change.bucket:02x}_{change.n}_{plain(change.op)}",
        type=change.type,
        tenant=change.tenant,
        at_ms=change.at_ms,
        data=shown,
    )


def plain(text: str) -> str:
    """Keep of a text what may stand in an id; operation ids are of nothing else."""
    return "".join(char for char in text if char.isascii() and char.isalnum())[:64]


def body_of(notice: Notice) -> bytes:
    """Write the message that a webhook carries: ASCII, so that nothing in it hides or turns."""
    told = {
        "type": notice.type,
        "timestamp": rfc3339(min(max(notice.at_ms, 0), LATEST_MS)),
        "data": {"tenant": notice.tenant, **notice.data},
    }
    return json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode("ascii")
