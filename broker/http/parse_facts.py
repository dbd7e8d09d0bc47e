"""From the bodies that change facts to what they mean. Every fault is found, each by its member."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import UNSET, UnsetType

from broker import text
from broker.errors import InvalidChangeError, InvalidRequestError, MemberFault
from broker.fact_orders import How, Wish
from broker.fact_views import within
from broker.facts.change import (
    Change,
    ChangeSet,
    DropThing,
    HoldThing,
    LiftHold,
    PutThing,
    Relate,
    Unrelate,
)
from broker.http import fact_filters
from broker.http.filters import instant
from broker.http.wire_facts import (
    ChangeBody,
    ChangeSetBody,
    RelationshipBody,
    RollBackBody,
    ThingBody,
)
from broker.model.fact import Hold, Ref, Relation, Relationship, Thing
from broker.model.principal import Principal

T = TypeVar("T")

_MANY: Final = 500
"""So many changes are read beside the event loop."""

_MEMBERS: Final = {
    "put": {"thing"},
    "drop": {"ref", "cascade"},
    "hold": {"ref"},
    "lift": {"ref"},
    "relate": {"relationship"},
    "unrelate": {"relationship"},
}
"""Which members a change has, by its op."""

_TEXTS: Final = ("status", "owner", "purpose", "risk", "data_class", "review_by", "origin")

MOST_FAULTS: Final = 1_000
"""Faults that are told at once: who has more begins with these."""


async def wish(caller: Principal, body: ChangeSetBody, key: str, now_ms: int) -> Wish:
    """Read what is to be changed, and how.

    Raises:
        InvalidChangeError: something cannot be; it has every fault.
        InvalidRequestError: a text is none.
    """
    reason = text.parse_reason(body.reason)
    source = "" if body.source is UNSET else fact_filters.source(body.source, "source")
    reading = Reading(Hold(reason, caller.ref, now_ms))
    if len(body.changes) > _MANY:
        changes = await asyncio.to_thread(reading.changes, body.changes)
    else:
        changes = reading.changes(body.changes)
    change = ChangeSet(by=caller.ref, reason=reason, changes=changes, source=source)
    return Wish(change, how(body, key), request=body)


def how(body: ChangeSetBody | RollBackBody, key: str) -> How:
    """Read how something is to be changed.

    Raises:
        InvalidRequestError: the reason is no text.
    """
    return How(
        reason=text.parse_reason(body.reason),
        base=None if body.base is UNSET else body.base,
        is_dry=body.dry_run,
        accept="" if body.accept is UNSET else body.accept,
        key=key,
    )


class Reading:
    """Reads changes and gathers what is wrong with them."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._faults: list[MemberFault] = []

    def changes(self, bodies: list[ChangeBody]) -> tuple[Change, ...]:
        """Read all of them.

        Raises:
            InvalidChangeError: something cannot be.
        """
        read = [self._change(body, f"changes[{at}]") for at, body in enumerate(bodies)]
        if self._faults:
            found, self._faults = self._faults[:MOST_FAULTS], []
            raise InvalidChangeError(tuple(found))
        return tuple(change for change in read if change is not None)

    def _change(self, body: ChangeBody, place: str) -> Change | None:
        before = len(self._faults)
        self._check_members(body, place)
        tenant = self._got(lambda: text.parse_name(body.tenant, field=f"{place}.tenant"))
        if len(self._faults) > before or tenant is None:
            return None
        change = self._read(body, tenant, place)
        return change if len(self._faults) == before else None

    def _check_members(self, body: ChangeBody, place: str) -> None:
        wanted = _MEMBERS[body.op]
        given = {
            name for name in ("thing", "ref", "relationship") if getattr(body, name) is not UNSET
        }
        given |= {"cascade"} if body.cascade else set()
        for name in sorted(given - wanted):
            self._fault(f"{place}.{name}", f"{body.op} has no such member: leave it away")
        for name in sorted(wanted - given - {"cascade"}):
            self._fault(f"{place}.{name}", f"{body.op} needs this member")

    def _read(self, body: ChangeBody, tenant: str, place: str) -> Change | None:
        if body.thing is not UNSET:
            thing = self._thing(body.thing, tenant, f"{place}.thing")
            return None if thing is None else PutThing(thing)
        if body.relationship is not UNSET:
            edge = self._relationship(body.relationship, tenant, f"{place}.relationship")
            return None if edge is None else _of_edge(body.op, edge)
        ref = self._ref(body.ref, tenant, f"{place}.ref")
        return None if ref is None else self._of_ref(body, ref)

    def _of_ref(self, body: ChangeBody, ref: Ref) -> Change:
        match body.op:
            case "drop":
                return DropThing(ref, cascade=body.cascade)
            case "hold":
                return HoldThing(ref, self._hold)
            case _:
                return LiftHold(ref)

    def _thing(self, body: ThingBody, tenant: str, place: str) -> Thing | None:
        ref = self._ref(body.ref, tenant, f"{place}.ref")
        said = [self._text(getattr(body, name), f"{place}.{name}") for name in _TEXTS]
        identities = self._identities(body, f"{place}.identities")
        if ref is None:
            return None
        status, owner, purpose, risk, data_class, review_by, origin = said
        return Thing(
            kind=ref.kind,
            tenant=ref.tenant,
            name=ref.name,
            status=status,
            owner=owner,
            purpose=purpose,
            risk=risk,
            data_class=data_class,
            review_by=review_by,
            origin=origin,
            identities=identities,
            quota=0 if body.quota is UNSET else body.quota,
            ceiling=() if body.ceiling is UNSET else tuple(body.ceiling),
        )

    def _identities(self, body: ThingBody, place: str) -> tuple[str, ...]:
        pairs = () if body.identities is UNSET else body.identities
        return tuple(
            f"{self._word(pair.issuer, f'{place}[{at}].issuer')} "
            f"{self._word(pair.subject, f'{place}[{at}].subject')}"
            for at, pair in enumerate(pairs)
        )

    def _relationship(self, body: RelationshipBody, tenant: str, place: str) -> Relationship | None:
        subject = self._ref(body.subject, tenant, f"{place}.subject")
        object_ = self._ref(body.object, tenant, f"{place}.object")
        relation = self._got(lambda: _relation(body.relation, f"{place}.relation"))
        expiry: str | UnsetType = body.expires_at
        ends_ms = 0
        if expiry is not UNSET:
            ends_ms = self._got(lambda: _expiry(expiry, f"{place}.expires_at")) or 0
        if subject is None or object_ is None or relation is None:
            return None
        return Relationship(subject, relation, object_, ends_ms)

    def _ref(self, given: str | UnsetType, tenant: str, place: str) -> Ref | None:
        if given is UNSET:
            return None
        named = self._got(lambda: fact_filters.ref(given, place))
        return None if named is None else within(tenant, named)

    def _text(self, given: str | UnsetType, place: str) -> str:
        if given is UNSET:
            return ""
        return self._got(lambda: text.parse_text(given, field=place, max_length=200)) or ""

    def _word(self, given: str, place: str) -> str:
        """Read a text that stands in one with others: without a space."""
        read = self._got(lambda: text.parse_text(given, field=place, max_length=512)) or ""
        if " " in read:
            self._fault(place, "holds a space: leave it out")
        return read

    def _got(self, read: Callable[[], T]) -> T | None:
        """Return what was read; None when it cannot be, which is noted."""
        try:
            return read()
        except InvalidRequestError as error:
            self._fault(error.field, str(error))
            return None

    def _fault(self, place: str, message: str) -> None:
        self._faults.append(MemberFault(place, message))


def _expiry(given: str, field: str) -> int:
    """Read when a relationship ends: never at what is written as 0, for that is never at all.

    Raises:
        InvalidRequestError: it is no instant, or one that nobody's clock has shown.
    """
    ends_ms = instant(given, field)
    if ends_ms <= 0:
        raise InvalidRequestError("has passed: write a later instant, or none", field=field)
    return ends_ms


def _of_edge(op: str, edge: Relationship) -> Change:
    if op == "relate":
        return Relate(edge)
    return Unrelate(edge.subject, edge.relation, edge.object)


def _relation(given: str, field: str) -> Relation:
    if given not in frozenset(Relation):
        raise InvalidRequestError(f"use one of: {', '.join(Relation)}", field=field)
    return Relation(given)
