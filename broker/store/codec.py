"""Specs to and from the JSON that the ledger keeps them in."""

from typing import Final, TypeVar

import msgspec

from broker.errors import UnreadableRecordError
from broker.model.lease import LeaseSpec
from broker.model.redecision import NoLonger
from broker.model.task import TaskSpec

T = TypeVar("T")

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_TASK: Final = msgspec.json.Decoder(TaskSpec)
_WHY: Final = msgspec.json.Decoder(NoLonger)
_LEASE: Final = msgspec.json.Decoder(LeaseSpec)

_DAMAGE: Final = (ValueError, TypeError, KeyError, msgspec.MsgspecError)


def encode(value: object) -> str:
    """Write a value as JSON, sets in order, so that equal values give equal text."""
    return _ENCODER.encode(value).decode()


class reading:  # noqa: N801 - used as a statement; a generator would cost four times as much
    """Read a record; what it holds may be anything, for anybody may have written it.

    Raises:
        UnreadableRecordError: it is not what the broker wrote.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Begin to read."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: object
    ) -> None:
        """Say what could not be read."""
        if isinstance(error, _DAMAGE):
            raise UnreadableRecordError(f"{self._what} cannot be read") from error


def task_spec(text: str) -> TaskSpec:
    """Read a task's spec.

    Raises:
        UnreadableRecordError: it is none.
    """
    with reading("a task in the ledger"):
        return _TASK.decode(text)


def lease_spec(text: str) -> LeaseSpec:
    """Read a lease's spec.

    Raises:
        UnreadableRecordError: it is none.
    """
    with reading("a lease in the ledger"):
        return _LEASE.decode(text)


def why(text: str) -> NoLonger:
    """Read why a lease would not be granted any more.

    Raises:
        UnreadableRecordError: it does not say.
    """
    with reading("why a lease ended"):
        return _WHY.decode(text)
