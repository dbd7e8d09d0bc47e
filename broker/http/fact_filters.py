"""What lists of facts are narrowed to, and how things are named in paths and queries."""

import re
from collections.abc import Mapping
from typing import Final

from broker import text
from broker.errors import InvalidRequestError
from broker.fact_reach import Direction, ReachWish
from broker.fact_views import RelationshipFilter, ThingFilter
from broker.http import parse
from broker.model.fact import BUNDLE, ThingKind

THINGS: Final = ("kind", "tenant", "status", "source", "q")
"""The filters of the list of things."""

RELATIONSHIPS: Final = ("tenant", "subject", "relation", "object")
"""The filters of the list of relationships."""

REACH: Final = ("from", "to", "tenant")
"""What says where reaching begins."""

HISTORY: Final = ("tenant",)
"""The filter of the history."""

_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NAME: Final = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9._/#+@-]{0,127}", re.ASCII)


def things(found: Mapping[str, str]) -> ThingFilter:
    """Read which things to list.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    kind = found.get("kind", "")
    if "kind" in found and kind not in frozenset(ThingKind):
        raise _no_kind("kind")
    return ThingFilter(
        kind=kind,
        tenant=tenant(found),
        status=_name(found, "status"),
        source=_name(found, "source"),
        name=parse.glob(found["q"], "q") if "q" in found else "",
    )


def relationships(found: Mapping[str, str]) -> RelationshipFilter:
    """Read which relationships to list.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    return RelationshipFilter(
        tenant=tenant(found),
        subject=_ref(found, "subject"),
        relation=_name(found, "relation"),
        object=_ref(found, "object"),
    )


def reach(found: Mapping[str, str]) -> ReachWish:
    """Read where reaching begins, and which way it goes.

    Raises:
        InvalidRequestError: not exactly one of ``from`` and ``to`` is there, or it cannot be.
    """
    wishes = {name: ref for name in ("from", "to") if (ref := _ref(found, name))}
    if len(wishes) != 1:
        raise InvalidRequestError("send exactly one of: from, to", field="from")
    [(direction, ref)] = wishes.items()
    return ReachWish(Direction(direction), ref, tenant(found))


def thing(parts: Mapping[str, str]) -> tuple[str, str]:
    """Read a thing out of a path: as it is called within a tenant, and the tenant.

    Raises:
        InvalidRequestError: nothing can be called so.
    """
    if parts["kind"] not in frozenset(ThingKind):
        raise _no_kind("kind")
    named = text.parse_name(parts["tenant"], field="tenant")
    return ref(f"{parts['kind']}:{parts['name']}", "name"), named


def ref(given: str, field: str) -> str:
    """Read ``kind:name``.

    Raises:
        InvalidRequestError: nothing can be called so.
    """
    kind, _, name = given.partition(":")
    if kind not in frozenset(ThingKind):
        raise _no_kind(field)
    if _NAME.fullmatch(name) is None or (name.startswith("/") and kind != ThingKind.TEAM):
        raise InvalidRequestError(
            "not a thing: after the kind send 1 to 128 of A-Z a-z 0-9 . _ - / # + @ that begin "
            "with a letter or digit",
            field=field,
        )
    return given


def agent(name: str) -> str:
    """Read an agent's name, as it is called among the facts.

    Raises:
        InvalidRequestError: no agent can be called so.
    """
    return ref(f"{ThingKind.AGENT}:{name}", "agent").partition(":")[2]


def source(given: str, field: str) -> str:
    """Read who declares something.

    Raises:
        InvalidRequestError: it is no name of files, or one that only the broker gives.
    """
    if _SOURCE.fullmatch(given) is None or given == BUNDLE:
        raise InvalidRequestError(
            f"send 1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit, not {BUNDLE}",
            field=field,
        )
    return given


def tenant(found: Mapping[str, str]) -> str:
    """Read the tenant, if one is named."""
    return _name(found, "tenant")


def _name(found: Mapping[str, str], field: str) -> str:
    return text.parse_name(found[field], field=field) if field in found else ""


def _ref(found: Mapping[str, str], field: str) -> str:
    return ref(found[field], field) if field in found else ""


def _no_kind(field: str) -> InvalidRequestError:
    return InvalidRequestError(f"use a kind of: {', '.join(ThingKind)}", field=field)
