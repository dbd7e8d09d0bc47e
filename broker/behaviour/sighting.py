"""What of an event says something about an agent: read from the members that the trail has.

Only what an agent itself did, authenticated as itself, is a sighting of it: what others do about
it, or in its name, makes it look neither better nor worse.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Seen(StrEnum):
    """What an agent was seen doing."""

    DENIED = "denied"
    ISSUED = "issued"
    RENEWED = "renewed"
    CLAIMED = "claimed"
    KNOCKED = "knocked"
    AFTER_END = "after-end"
    SHOWN_DEAD = "shown-dead"
    STRAYED = "strayed"


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an agent did.

    ``bucket`` and ``n`` name the event for ever, ``seq`` is its place in a trail.

    ``resource`` is where the credential is for: a target, or a resource server's audience.
    ``origin`` is from where it was asked for, as far as evidence or connection says it.
    """

    bucket: int
    n: int
    seq: int
    at_ms: int
    tenant: str
    agent: str
    what: Seen
    task: str = ""
    instance: str = ""
    capability: str = ""
    resource: str = ""
    origin: str = ""


Members = Mapping[str, object]

_PREFIX: Final = "agent:"

STRAYS: Final = frozenset({"stray-stand-in", "foreign-credential"})
"""What an injecting proxy refuses that looks like a leak, or like a way out for data."""

INTERNAL: Final = frozenset({"stale-facts", "engine-failed", "no-time-left"})
"""Refusals that say nothing about who was refused."""


class Where(msgspec.Struct, frozen=True):
    """Which event it is, and when and in which tenant it happened."""

    bucket: int
    n: int
    seq: int
    at_ms: int
    tenant: str


def sighting_of(kind: str, where: Where, members: Members) -> Sighting | None:
    """Read an event by the members that the audit trail has of it; None: it says nothing."""
    read = _READERS.get(kind)
    found = read(members) if read is not None else None
    if not found or not found.get("agent") or not where.tenant:
        return None
    place = {"bucket": where.bucket, "n": where.n, "seq": where.seq, "at_ms": where.at_ms}
    try:
        return msgspec.convert({**place, "tenant": where.tenant, **found}, Sighting)
    except msgspec.ValidationError:
        return None  # it is none of ours, and whoever wrote it says nothing about anybody


def _denied(members: Members) -> dict[str, object]:
    request = members.get("request")
    if not isinstance(request, Mapping) or members.get("reason") in INTERNAL:
        return {}
    who = str(request.get("principal", ""))
    return {
        "what": Seen.DENIED,
        "agent": who.removeprefix(_PREFIX) if who.startswith(_PREFIX) else "",
        "task": request.get("task") or "",
        "instance": request.get("instance") or "",
        "capability": request.get("capability") or "",
    }


def _issued(members: Members) -> dict[str, object]:
    target = members.get("target")
    at = target.get("name", "") if isinstance(target, Mapping) else ""
    return _named(members, Seen.ISSUED) | {
        "capability": members.get("capability", ""),
        "resource": at or members.get("audience", ""),
        "origin": members.get("origin", ""),
    }


def _renewed(members: Members) -> dict[str, object]:
    return _named(members, Seen.RENEWED) | {"capability": members.get("capability", "")}


def _claimed(members: Members) -> dict[str, object]:
    return _named(members, Seen.CLAIMED)


def _late(members: Members) -> dict[str, object]:
    what = Seen.SHOWN_DEAD if members.get("how") == "introspect" else Seen.AFTER_END
    return _named(members, what) | {"capability": members.get("capability", "")}


def _knocked(members: Members) -> dict[str, object]:
    return _named(members, Seen.KNOCKED)


def _strayed(members: Members) -> dict[str, object]:
    """Read what an agent's proxy has refused: that it says so speaks for the proxy, not for it."""
    uses = members.get("uses")
    rows = uses if isinstance(uses, list) else []
    problems = {str(row.get("problem")) for row in rows if isinstance(row, Mapping)}
    return _named(members, Seen.STRAYED) if problems & STRAYS else {}


def _named(members: Members, what: Seen) -> dict[str, object]:
    return {"what": what} | {name: members.get(name, "") for name in ("agent", "task", "instance")}


_READERS: Final = {
    "decision.denied": _denied,
    "lease.issued": _issued,
    "lease.renewed": _renewed,
    "task.claimed": _claimed,
    "use.late": _late,
    "use.foreign": _knocked,
    "use.said": _strayed,
}
