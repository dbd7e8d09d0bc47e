"""Whose a thing is."""

import re
from typing import Final

from broker.model.fact import BUNDLE, NAME_PATTERN, Ref, Thing, ThingKind

OWNERS: Final = frozenset({ThingKind.PERSON, ThingKind.TEAM})

_NAME: Final = re.compile(NAME_PATTERN, re.ASCII)


def owner_of(thing: Thing) -> Ref | None:
    """Return who answers for a thing, whether anybody knows them or not; None when it is not said.

    ``person:NAME`` and ``team:NAME`` are of the thing's tenant, ``team:/NAME`` is a team that all
    share. What ``agents.yaml`` has as free text is taken for a person's name, if it can be one.
    """
    kind, colon, name = thing.owner.partition(":")
    if not colon:
        is_free_text = thing.source == BUNDLE and _NAME.fullmatch(thing.owner)
        return Ref(ThingKind.PERSON, thing.tenant, thing.owner) if is_free_text else None
    if kind not in OWNERS:
        return None
    is_shared = kind == ThingKind.TEAM and name.startswith("/")
    tenant, name = ("", name[1:]) if is_shared else (thing.tenant, name)
    return Ref(ThingKind(kind), tenant, name) if _NAME.fullmatch(name) else None


def is_stated_freely(thing: Thing) -> bool:
    """Tell whether the owner is only a text, which nobody needs to have registered."""
    return thing.source == BUNDLE and ":" not in thing.owner
