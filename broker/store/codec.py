"""Specs to and from the JSON that the ledger keeps them in."""

from typing import Final

import msgspec

from broker.model.lease import LeaseSpec
from broker.model.task import TaskSpec

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_TASK: Final = msgspec.json.Decoder(TaskSpec)
_LEASE: Final = msgspec.json.Decoder(LeaseSpec)


def encode(value: object) -> str:
    """Write a value as JSON, sets in order, so that equal values give equal text."""
    return _ENCODER.encode(value).decode()


def task_spec(text: str) -> TaskSpec:
    """Read a task's spec."""
    return _TASK.decode(text)


def lease_spec(text: str) -> LeaseSpec:
    """Read a lease's spec."""
    return _LEASE.decode(text)
