"""The bundle as one document, and its one canonical text.

The same content is always the same bytes, in whatever order the files had it: keys and names are
sorted, nothing is repeated, no white space. So the digest names the content.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeVar

import msgspec

from broker.governance.names import OFFLINE_MAX_TTL_SECONDS, TtlSeconds
from broker.governance.records import (
    AgentRecord,
    CapabilityRecord,
    OperatorRecord,
    OrchestratorRecord,
    ResourceServerRecord,
    TeamRecord,
    TenantRecord,
)
from broker.governance.vectors import Vector
from broker.model.capability import Capability, ResourceServer

MAX_BYTES: Final = 8 * 1024 * 1024
"""Eight times the largest input file; what is published fits well into one Redis value."""

_S = TypeVar("_S", bound=msgspec.Struct)


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of policies."""

    file: str
    text: str


class BundleDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is registered, all policies, and what must hold of them."""

    version: Literal[1] = 1
    tenants: tuple[TenantRecord, ...]
    teams: tuple[TeamRecord, ...]
    agents: tuple[AgentRecord, ...]
    orchestrators: tuple[OrchestratorRecord, ...]
    operators: tuple[OperatorRecord, ...]
    capabilities: tuple[CapabilityRecord, ...]
    resource_servers: tuple[ResourceServerRecord, ...]
    offline_max_ttl_seconds: TtlSeconds = OFFLINE_MAX_TTL_SECONDS
    schema: str
    policies: tuple[PolicyFile, ...]
    tests: tuple[Vector, ...] = ()

    def capabilities_by_name(self) -> dict[str, Capability]:
        """Return the capabilities in the broker's words."""
        return {record.name: record.capability() for record in self.capabilities}

    def servers_by_audience(self) -> dict[str, ResourceServer]:
        """Return the resource servers in the broker's words."""
        return {record.audience: record.resource_server() for record in self.resource_servers}


def canonical(document: BundleDocument) -> BundleDocument:
    """Put everything in its one order."""
    return msgspec.structs.replace(
        document,
        tenants=_sorted(document.tenants, "name"),
        teams=_sorted(document.teams, "name"),
        agents=_sorted(document.agents, "name"),
        orchestrators=_sorted(document.orchestrators, "name"),
        operators=_sorted(document.operators, "name"),
        capabilities=_sorted(document.capabilities, "name"),
        resource_servers=_sorted(document.resource_servers, "audience"),
        policies=_sorted(document.policies, "file"),
        tests=_sorted(document.tests, "name"),
    )


def encode(document: BundleDocument) -> bytes:
    """Write the canonical text."""
    return msgspec.json.encode(canonical(document), order="sorted")


def _sorted(records: Iterable[_S], key: str) -> tuple[_S, ...]:
    settled = [_settled(record) for record in records]
    return tuple(sorted(settled, key=lambda record: str(getattr(record, key))))


def _settled(record: _S) -> _S:
    """Sort the names that a record lists, at every depth: all of its tuples are sets."""
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    return msgspec.structs.replace(record, **{n: _settled_value(v) for n, v in values.items()})


def _settled_value(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return _settled(value)
    if not isinstance(value, tuple):
        return value
    each: set[Any] = set(map(_settled_value, value))
    return tuple(sorted(each))
