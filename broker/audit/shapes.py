"""What a member of an event's detail may look like, and how it is written in the trail.

A shape takes a value out of the detail and returns what is written, or raises
``TypeError`` or ``ValueError``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.clock import rfc3339

Shape = Callable[[object], object]

LATEST_MS = 253_402_300_799_000
"""The last second that RFC 3339 can write."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member that may be written: under which name, and of what shape."""

    name: str
    shape: Shape


def text(value: object) -> object:
    """Take a string."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def number(value: object) -> object:
    """Take an integer."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a number")
    return value


def flag(value: object) -> object:
    """Take a yes or no."""
    if not isinstance(value, bool):
        raise TypeError("neither yes nor no")
    return value


def instant(value: object) -> object:
    """Take milliseconds since the epoch, write RFC 3339."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not an instant")
    if not 0 <= value <= LATEST_MS:
        raise ValueError("beyond what RFC 3339 can write")
    return rfc3339(value)


def each(shape: Shape) -> Shape:
    """Take a list of things of one shape."""

    def take(value: object) -> object:
        if value == {}:  # how the ledger's Lua writes an empty list
            return []
        if not isinstance(value, list):
            raise TypeError("not a list")
        return [shape(item) for item in value]

    return take


def maybe(shape: Shape) -> Shape:
    """Take a thing of a shape, or nothing."""

    def take(value: object) -> object:
        return None if value is None else shape(value)

    return take


def object_of(members: Mapping[str, Member]) -> Shape:
    """Take an object, of which only these members are written."""

    def take(value: object) -> object:
        if not isinstance(value, dict):
            raise TypeError("not an object")
        return {
            member.name: member.shape(value[key]) for key, member in members.items() if key in value
        }

    return take
