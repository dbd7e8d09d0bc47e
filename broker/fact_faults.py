"""The faults of a change, each by the member of the request that it is in."""

import re
from collections.abc import Iterable
from typing import Final

from broker.errors import MemberFault
from broker.facts.change import ChangeSet, Unrelate
from broker.facts.fault import WHOLE, ChangeFault

_INSIDE_REF: Final = re.compile(r"(ref|relationship\.(?:subject|object))\.(?:name|kind)")
_OWN: Final = {
    "thing.kind": "thing.ref",
    "thing.name": "thing.ref",
    "thing.tenant": "tenant",
    "relationship.expires_at_ms": "relationship.expires_at",
}
"""What is called otherwise in a request than in the log."""


def member_faults(faults: Iterable[ChangeFault], change: ChangeSet) -> list[MemberFault]:
    """Say of each fault which member of the request it is in, and what to do."""
    return [
        MemberFault(_member(fault, change), f"{fault.message}: {fault.remedy}") for fault in faults
    ]


def _member(fault: ChangeFault, change: ChangeSet) -> str:
    if fault.index == WHOLE or fault.field.startswith("hold."):
        return "reason" if fault.field.startswith("hold.") else fault.field
    return f"changes[{fault.index}].{_within(fault.field, change, fault.index)}"


def _within(field: str, change: ChangeSet, index: int) -> str:
    if field.endswith(".tenant"):
        return "tenant"
    if field == "subject" and isinstance(change.changes[index], Unrelate):
        return "relationship"
    inside = _INSIDE_REF.fullmatch(field)
    return inside[1] if inside else _OWN.get(field, field)
