"""What can be done to the facts. A set of changes takes place as a whole or not at all.

The order inside a set means nothing: each thing is put or dropped at most once in it, held or
lifted at most once, and each relationship made or ended at most once.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from broker.model.fact import Hold, Ref, Relation, Relationship, RelationshipKey, Thing

MAX_CHANGES: Final = 10_000
"""In one call of the API."""

MAX_IMPORT: Final = 200_000
"""In one import, which the log keeps in chunks."""


class _Op(msgspec.Struct, frozen=True, tag_field="op", forbid_unknown_fields=True, gc=False):
    """One change."""


class PutThing(_Op, frozen=True, tag="put"):
    """Declare a thing anew, or say everything of it that is to hold from now on.

    It never holds or lifts: a hold stays whatever is put. So ``thing.hold`` must be None.
    """

    thing: Thing


class DropThing(_Op, frozen=True, tag="drop"):
    """Forget a thing. With ``cascade`` its relationships go with it."""

    ref: Ref
    cascade: bool = False


class Relate(_Op, frozen=True, tag="relate"):
    """Make a relationship, or give the one that is there another expiry."""

    relationship: Relationship


class Unrelate(_Op, frozen=True, tag="unrelate"):
    """End a relationship."""

    subject: Ref
    relation: Relation
    object: Ref

    @property
    def key(self) -> RelationshipKey:
        """Which one."""
        return RelationshipKey(self.subject, self.relation, self.object)


class HoldThing(_Op, frozen=True, tag="hold"):
    """Stop a thing; of one that is held already, say why anew."""

    ref: Ref
    hold: Hold


class LiftHold(_Op, frozen=True, tag="lift"):
    """Let a thing go on."""

    ref: Ref


Change = PutThing | DropThing | Relate | Unrelate | HoldThing | LiftHold


class ChangeSet(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """All or nothing. ``by`` is a principal's word, ``reason`` free text.

    ``source`` names the files that it comes from; what it puts or relates is that source's from now
    on. Empty is by hand: what a source has declared stays the source's and is marked ``edited``.
    ``exact`` takes ``source`` and ``edited`` from the records themselves: for rolling back, and for
    nothing that comes from outside.
    """

    by: str
    reason: str
    changes: tuple[Change, ...]
    source: str = ""
    exact: bool = False


def encode(change: ChangeSet) -> bytes:
    """Write a set as JSON; the same set is always the same bytes."""
    return msgspec.json.encode(change, order="deterministic")


def decode(raw: bytes | str) -> ChangeSet:
    """Read what :func:`encode` wrote.

    Raises:
        msgspec.DecodeError: it is not that (``ValidationError`` is one).
    """
    return _SET.decode(raw)


def encode_changes(changes: Iterable[Change]) -> bytes:
    """Write changes alone: a chunk of a large set, or of a snapshot."""
    return msgspec.json.encode(tuple(changes), order="deterministic")


def decode_changes(raw: bytes | str) -> tuple[Change, ...]:
    """Read what :func:`encode_changes` wrote.

    Raises:
        msgspec.DecodeError: it is not that.
    """
    return _CHANGES.decode(raw)


def touched(change: Change) -> tuple[Ref, ...]:
    """Return the things that a change speaks of."""
    match change:
        case PutThing(thing=thing):
            return (thing.ref,)
        case Relate(relationship=relationship):
            return (relationship.subject, relationship.object)
        case Unrelate(subject=subject, object=object_):
            return (subject, object_)
        case DropThing(ref=ref) | HoldThing(ref=ref) | LiftHold(ref=ref):
            return (ref,)


def tenants_of(change: ChangeSet) -> frozenset[str]:
    """Return the tenants that a set speaks of; "" is among them when it is something all share.

    Who gives the order must answer for each of them, and for "" in all tenants (I16): who puts an
    agent into a shared team gives it what that team has everywhere.
    """
    return frozenset(ref.tenant for each in change.changes for ref in touched(each))


_SET: Final = msgspec.json.Decoder(ChangeSet, strict=True)
_CHANGES: Final = msgspec.json.Decoder(tuple[Change, ...], strict=True)
