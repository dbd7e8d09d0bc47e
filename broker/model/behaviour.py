"""A finding about an agent, as it is kept: what was found, what was done, who has looked at it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from broker.behaviour.detecting import Finding
from broker.errors import UnreadableRecordError


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """``did`` says what followed; ``acknowledged_by`` is empty until an operator has looked."""

    finding: Finding
    did: tuple[str, ...] = ()
    done_ms: int = 0
    acknowledged_by: str = ""
    acknowledged_reason: str = ""
    acknowledged_ms: int = 0


class FindingState(StrEnum):
    """Whether an operator has looked at it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings to list; an empty word does not filter. ``state``: open or acknowledged."""

    tenant: str = ""
    agent: str = ""
    detector: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class FindingPage:
    """One page, newest first; ``cursor`` is empty on the last one."""

    findings: tuple[Kept, ...]
    cursor: str


_KEPT: Final = msgspec.json.Decoder(Kept)


def encode(kept: Kept) -> str:
    """Write one."""
    return msgspec.json.encode(kept).decode()


def decode(text: str) -> Kept:
    """Read one.

    Raises:
        UnreadableRecordError: it is none of ours.
    """
    try:
        return _KEPT.decode(text)
    except msgspec.MsgspecError as error:
        raise UnreadableRecordError("a finding in the ledger cannot be read") from error
