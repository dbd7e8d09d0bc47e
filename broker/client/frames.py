"""The feed's messages (``docs/architecture.md``, "Frames to subscribers").

What this reader does not know it refuses: an event that was skipped would be a token let in.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from broker import strict_json
from broker.client.deny import CUT_KINDS, CutDenial, Denial, IdDenial
from broker.client.errors import ClientError
from broker.client.sse import SseEvent
from broker.client.token import LAST_SECOND
from broker.errors import InvalidRequestError
from broker.ids import lease_of, parse_task_id

MAX_MESSAGE_BYTES: Final = 1_048_576
"""A page of a snapshot is the biggest message; a bigger one would block the loop for too long."""

LAST_INSTANT_MS: Final = LAST_SECOND * 1000
"""Instants beyond it are nonsense."""


class FeedError(ClientError):
    """The feed broke off, fell behind or cannot be understood. The subscription tries again."""

    remedy = "None is needed: the subscription connects again; look at the network if it goes on."


class FeedGapError(FeedError):
    """Something between the last message and this one is missing: a snapshot must come first."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a subscriber has come: a number of the feed log, in one life of the ledger."""

    epoch: str | int
    seq: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One page of what is in force at a position."""

    at: Position
    denials: tuple[Denial, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """New denials. ``prev`` is this audience's last number before them."""

    at: Position
    prev: int
    denials: tuple[Denial, ...]


@dataclass(frozen=True, slots=True)
class Alive:
    """The ledger was read at ``read_at_ms`` by its own clock; all up to there was sent."""

    at: Position
    read_at_ms: int


Message = Snapshot | Frame | Alive


class _WireCut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    of: str
    issued_before: int
    name: str = ""
    tenant: str = ""


class _WireEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exp: int
    jti: str | None = None
    task: str | None = None
    cut: _WireCut | None = None


class _WireSnapshot(msgspec.Struct, frozen=True):
    epoch: str | int
    seq: int
    events: list[_WireEvent]
    more: bool


class _WireFrame(msgspec.Struct, frozen=True):
    epoch: str | int
    seq: int
    prev: int
    events: list[_WireEvent]


class _WireAlive(msgspec.Struct, frozen=True):
    epoch: str | int
    seq: int
    read_at: int


def parse_message(event: SseEvent) -> Message | None:
    """Read one message; None for an event type that this version does not know.

    Raises:
        FeedError: the message, or an event in it, is not understood.
    """
    try:
        match event.type:
            case "snapshot":
                return _snapshot(msgspec.convert(_json(event.data), _WireSnapshot))
            case "frame":
                return _frame(msgspec.convert(_json(event.data), _WireFrame))
            case "alive":
                return _alive(msgspec.convert(_json(event.data), _WireAlive))
            case _:
                return None
    except (msgspec.ValidationError, InvalidRequestError) as error:
        raise FeedError(f"a {event.type} message is not understood: {error}") from error


def _json(data: bytes) -> object:
    return strict_json.loads(data, max_bytes=MAX_MESSAGE_BYTES)


def _snapshot(wire: _WireSnapshot) -> Snapshot:
    return Snapshot(_position(wire.epoch, wire.seq), _denials(wire.events), wire.more)


def _frame(wire: _WireFrame) -> Frame:
    if not 0 <= wire.prev < wire.seq:
        raise FeedError("a frame's prev is not before its seq")
    return Frame(_position(wire.epoch, wire.seq), wire.prev, _denials(wire.events))


def _alive(wire: _WireAlive) -> Alive:
    if not 0 < wire.read_at <= LAST_INSTANT_MS:
        raise FeedError("read_at is no instant")
    return Alive(_position(wire.epoch, wire.seq), wire.read_at)


def _position(epoch: str | int, seq: int) -> Position:
    if seq < 0:
        raise FeedError("a seq is negative")
    return Position(epoch, seq)


def _denials(events: list[_WireEvent]) -> tuple[Denial, ...]:
    return tuple(map(_denial, events))


def _denial(event: _WireEvent) -> Denial:
    if not 0 < event.exp <= LAST_SECOND:
        raise FeedError("an event's exp is no instant")
    match event:
        case _WireEvent(jti=str(jti), task=None, cut=None):
            return IdDenial(lease_of(jti), event.exp)
        case _WireEvent(jti=None, task=str(task), cut=None):
            return IdDenial(parse_task_id(task), event.exp)
        case _WireEvent(jti=None, task=None, cut=_WireCut() as cut):
            return _cut(cut, event.exp)
        case _:
            raise FeedError("an event is not exactly one of jti, task and cut")


def _cut(cut: _WireCut, exp: int) -> CutDenial:
    if cut.of not in CUT_KINDS or (cut.of == "all") == bool(cut.name):
        raise FeedError("a cut's kind or name is not understood")
    if cut.of == "task":
        parse_task_id(cut.name)
    return CutDenial(cut.of, cut.name, cut.tenant, cut.issued_before, exp)
