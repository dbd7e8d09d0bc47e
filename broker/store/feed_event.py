"""A revocation event: what a resource server must refuse from now on.

The ledger's scripts write it as JSON without ``exp``; subscribers read it with ``exp``, in whole
seconds rounded up, so that nobody forgets it early.
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from broker.errors import InvalidRequestError
from broker.ids import lease_of, parse_task_id
from broker.model.capability import ResourceServer
from broker.model.principal import ALL_TENANTS
from broker.store.feed_entry import OutboxEntry

ALL: Final = "*"
"""Every audience, or every tenant."""

CUT_KINDS: Final = frozenset({"all", "agent", "capability", "issuer", "key", "task", "tenant"})
"""Of what a cut can be (DESIGN §2); of a task it is a freeze."""


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing of this agent, capability, issuer, task, tenant or all, issued until then, lives."""

    of: str
    name: str
    tenant: str
    issued_before: int

    def __post_init__(self) -> None:
        if self.of not in CUT_KINDS or (self.of == "all") == bool(self.name):
            raise ValueError("a cut is of all, or of something by name")


class FeedEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of a token, a task or a cut. ``exp`` is 0 until it is sent."""

    jti: str = ""
    task: str = ""
    cut: Cut | None = None
    exp: int = 0

    def __post_init__(self) -> None:
        if bool(self.jti) + bool(self.task) + bool(self.cut) != 1:
            raise ValueError("an event names exactly one of jti, task and cut")
        if self.jti:
            lease_of(self.jti)
        if self.task:
            parse_task_id(self.task)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A revocation event with whom it concerns, ready to be sent. ``body`` is its JSON."""

    seq: int
    tenant: str
    audiences: frozenset[str]
    body: bytes
    at_ms: int = field(default=0, compare=False)
    """When the ledger made it true; 0 when that is not known any more."""

    def reaches(self, server: ResourceServer) -> bool:
        """Tell whether a resource server must hear it: it concerns its tokens, and a tenant of its.

        What happens in one tenant is nothing that a server of others may see (I16).
        """
        is_named = server.audience in self.audiences or ALL in self.audiences
        is_everybodys = self.tenant in ("", ALL) or ALL_TENANTS in server.tenants
        return is_named and (is_everybodys or self.tenant in server.tenants)


def announcement(seq: int, change: OutboxEntry) -> Announcement | None:
    """Read the event that a state change announces; None when it has none that can be read."""
    event = _event_of(change)
    if event is None:
        return None
    body = _body(event, change.exp_ms)
    audiences = frozenset(change.audiences.split())
    return Announcement(seq, change.tenant, audiences, body, change.at_ms)


def is_readable(change: OutboxEntry) -> bool:
    """Tell whether subscribers can be told of this change as it is written."""
    return _event_of(change) is not None


def in_force(member: str) -> Announcement | None:
    """Read one member of the set of events in force: seq, exp, tenant, audiences, event."""
    seq, exp_ms, tenant, audiences, feed = member.split("\n")
    event = _decode(feed)
    if event is None:
        return None
    return Announcement(int(seq), tenant, frozenset(audiences.split()), _body(event, int(exp_ms)))


def _event_of(change: OutboxEntry) -> FeedEvent | None:
    words = (change.tenant, change.audiences, change.feed)
    if not change.feed or change.exp_ms == 0 or any("\n" in word for word in words):
        return None
    return _decode(change.feed)


def _body(event: FeedEvent, exp_ms: int) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(event, exp=-(-exp_ms // 1000)))


def _decode(feed: str) -> FeedEvent | None:
    try:
        return msgspec.json.decode(feed, type=FeedEvent)
    except (msgspec.MsgspecError, InvalidRequestError, UnicodeEncodeError):
        return None
