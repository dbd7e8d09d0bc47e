"""Names, relationships and instants as people write them.

``ticket:T-1`` is of the tenant that is spoken of; ``team:/finance`` a team that all tenants share.
``agent:invoice-bot assigned-to ticket:T-1 until 2027-01-31T12:00:00Z`` is a relationship.
"""

import re
from datetime import UTC, datetime
from typing import Final

from broker.errors import InvalidRequestError
from broker.facts.fields import MAX_INSTANT_MS, NAME_FORM, is_name
from broker.model.fact import Ref, Relation, Relationship, ThingKind

UNTIL: Final = "until"
FORM: Final = "KIND:NAME RELATION KIND:NAME, and if it ends: until INSTANT"

_KINDS: Final = tuple(kind.value for kind in ThingKind)
_RELATIONS: Final = tuple(relation.value for relation in Relation)
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)


def parse_ref(text: str, tenant: str, *, field: str = "ref") -> Ref:
    """Read the name of a thing in a tenant.

    Raises:
        InvalidRequestError: it is none; ``field`` is the given one.
    """
    kind, colon, name = text.partition(":")
    if not colon or kind not in _KINDS:
        kinds = ", ".join(_KINDS)
        raise InvalidRequestError(f"is no KIND:NAME: kinds are {kinds}", field=field)
    if kind == ThingKind.TEAM and name.startswith("/"):
        tenant, name = "", name[1:]
    if kind == ThingKind.TENANT and name != tenant:
        raise InvalidRequestError("is not the tenant spoken of: name that", field=field)
    if not is_name(name):
        raise InvalidRequestError(f"is no name: {NAME_FORM}", field=field)
    return Ref(ThingKind(kind), tenant, name)


def parse_relation(text: str, *, field: str = "relation") -> Relation:
    """Read the word for how things stand to each other.

    Raises:
        InvalidRequestError: there is no such word.
    """
    if text not in _RELATIONS:
        raise InvalidRequestError(f"is no relation: write {', '.join(_RELATIONS)}", field=field)
    return Relation(text)


def parse_instant(text: str, *, field: str = "expires") -> int:
    """Read an instant with its offset from UTC, in ms since 1970.

    Raises:
        InvalidRequestError: it is none, or has no offset.
    """
    at_ms = _at_ms(text) if _INSTANT.fullmatch(text) else 0
    if not 0 < at_ms < MAX_INSTANT_MS:
        raise InvalidRequestError("is no instant: write 2027-01-31T12:00:00Z", field=field)
    return at_ms


def _at_ms(text: str) -> int:
    """Count it; 0 when the calendar has no such instant."""
    try:
        read = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return 0
    return int(read.timestamp()) * 1000 + read.microsecond // 1000


def instant_text(at_ms: int) -> str:
    """Write an instant, so that it is read as the same."""
    seconds, rest = divmod(at_ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03}Z" if rest else f"{text}Z"


def parse_relationship(text: str, tenant: str, *, field: str = "relationship") -> Relationship:
    """Read a relationship in one line.

    Raises:
        InvalidRequestError: it is not of the form, or a part of it is not; ``field`` is the given
            one, with the part's name after it.
    """
    words = text.split(" ")
    if len(words) not in {3, 5} or (len(words) == 5 and words[3] != UNTIL):  # noqa: PLR2004  # the form's words
        raise InvalidRequestError(f"is no relationship: write {FORM}", field=field)
    expires = words[4] if words[3:] else ""
    return relationship_of(words[0], words[1], words[2], expires, tenant, field=field)


def relationship_of(
    subject: str,
    relation: str,
    object_: str,
    expires: str,
    tenant: str,
    *,
    field: str = "relationship",
) -> Relationship:
    """Put one together from its parts as texts; ``expires`` may be empty.

    Raises:
        InvalidRequestError: as :func:`parse_relationship`.
    """
    return Relationship(
        parse_ref(subject, tenant, field=f"{field}.subject"),
        parse_relation(relation, field=f"{field}.relation"),
        parse_ref(object_, tenant, field=f"{field}.object"),
        parse_instant(expires, field=f"{field}.expires") if expires else 0,
    )


def relationship_text(each: Relationship) -> str:
    """Write a relationship in one line, so that it is read as the same within its tenant."""
    until = f" {UNTIL} {instant_text(each.expires_at_ms)}" if each.expires_at_ms else ""
    return f"{each.key}{until}"
