"""What the parts of a bundle must mean to each other.

Each fault's path begins with the section it is in: ``("capabilities", 3, "tenants", 0)``.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from broker.governance.document import BundleDocument
from broker.governance.records import CapabilityRecord
from broker.model.capability import CheckMode, ResourceServer
from broker.model.principal import ALL_TENANTS
from broker.settings.fault import Fault, Path

REFERENCES: Final = (
    ("agents", "tenant", "tenants"),
    ("orchestrators", "tenants", "tenants"),
    ("operators", "tenants", "tenants"),
    ("capabilities", "tenants", "tenants"),
    ("resource_servers", "tenants", "tenants"),
    ("agents", "teams", "teams"),
    ("teams", "members", "agents"),
    ("tests", "capability", "capabilities"),
)
"""Where one record names another: the section, its key, and the section of what is named."""

_ONE_OF: Final = {
    "tenants": "tenant",
    "teams": "team",
    "agents": "agent",
    "capabilities": "capability",
}

_KEYS: Final = {"resource_servers": "audience"}
"""What a section's records are called by, where that is not ``name``."""

_UNIQUE: Final = (
    *("tenants", "teams", "agents", "orchestrators", "operators", "capabilities"),
    *("resource_servers", "tests"),
)


def reference_faults(document: BundleDocument) -> Iterator[Fault]:
    """Find every name that is taken twice, and every one that is used but not registered."""
    plain = msgspec.to_builtins(document)
    yield from name_faults({section: plain[section] for section in _UNIQUE})
    yield from _vector_faults(document)
    yield from _ceiling_faults(document)


def name_faults(sections: Mapping[str, object]) -> Iterator[Fault]:
    """Find the same in sections that were only read: what else is wrong with them is passed over.

    A name is called unknown only where all names are known.
    """
    for section in _UNIQUE:
        yield from _repeated(sections, section)
    for section, key, named in REFERENCES:
        known = names_of(sections, named)
        if known is not None:
            yield from _unknowns(sections, section, key, _ONE_OF[named], known)


def names_of(sections: Mapping[str, object], section: str) -> set[str] | None:
    """Return what a section's records are called, or None where one cannot be read."""
    records = sections.get(section)
    if not isinstance(records, list | tuple):
        return None
    key = _KEYS.get(section, "name")
    names = [record.get(key) if isinstance(record, dict) else None for record in records]
    texts = {name for name in names if isinstance(name, str)}
    return texts if all(isinstance(name, str) for name in names) else None


def capability_faults(document: BundleDocument) -> Iterator[Fault]:
    """Find capabilities whose tokens their resource server could not take away in time."""
    servers = document.servers_by_audience()
    for index, record in enumerate(document.capabilities):
        server = servers.get(record.audience)
        faults = [*_ttl_faults(record, server, document.offline_max_ttl_seconds)]
        faults += _border_faults(record, server)
        yield from (fault.under("capabilities", index) for fault in faults)


def offline_capabilities(document: BundleDocument) -> tuple[str, ...]:
    """Name the capabilities whose audience nobody registered: their tokens die only of age."""
    servers = document.servers_by_audience()
    return tuple(
        c.name for c in document.capabilities if not c.target_name and c.audience not in servers
    )


def _ttl_faults(
    record: CapabilityRecord, server: ResourceServer | None, ceiling: int
) -> Iterator[Fault]:
    is_offline = server is None or server.check is CheckMode.OFFLINE
    is_offline = is_offline and not record.target_name  # a target is told, whoever registered
    if is_offline and record.max_ttl_seconds > ceiling:
        yield Fault(
            ("max_ttl_seconds",),
            f"above {ceiling} seconds, though nothing can revoke a token for {record.audience}",
            "write less, or register the audience as one that introspects or reads the feed",
        )


def _border_faults(record: CapabilityRecord, server: ResourceServer | None) -> Iterator[Fault]:
    if server is None or ALL_TENANTS in server.tenants:
        return
    for index, tenant in enumerate(record.tenants):
        if tenant not in server.tenants:
            yield Fault(
                ("tenants", index),
                f"{tenant} is not served by {record.audience}",
                "add it there, or remove it here",
            )


def _records(sections: Mapping[str, object], section: str) -> Iterator[tuple[int, dict[str, Any]]]:
    records = sections.get(section)
    for index, record in enumerate(records if isinstance(records, list | tuple) else ()):
        if isinstance(record, dict):
            yield index, record


def _repeated(sections: Mapping[str, object], section: str) -> Iterator[Fault]:
    key = _KEYS.get(section, "name")
    seen: set[str] = set()
    for index, record in _records(sections, section):
        name = record.get(key)
        if isinstance(name, str):
            if name in seen:
                yield Fault((section, index, key), f"{name} is there already", "rename one of them")
            seen.add(name)


def _unknowns(
    sections: Mapping[str, object], section: str, key: str, what: str, known: Collection[str]
) -> Iterator[Fault]:
    for index, record in _records(sections, section):
        value = record.get(key)
        path: Path = (section, index, key)
        named = [(path, value)]
        if isinstance(value, list | tuple):
            named = [((*path, place), name) for place, name in enumerate(value)]
        for where, name in named:
            if isinstance(name, str) and name not in known and name != ALL_TENANTS:
                remedy = f"register the {what}, or mend the name"
                yield Fault(where, f"no {what} is called {name}", remedy)


def _ceiling_faults(document: BundleDocument) -> Iterator[Fault]:
    known = {f"{each.name} {scope}" for each in document.capabilities for scope in each.scopes}
    for index, agent in enumerate(document.agents):
        for at, line in enumerate(() if agent.ceiling is UNSET else agent.ceiling):
            if line not in known:
                path = ("agents", index, "ceiling", at)
                yield Fault(path, f"no capability has {line}", "mend it, or remove the line")


def _vector_faults(document: BundleDocument) -> Iterator[Fault]:
    for index, vector in enumerate(document.tests):
        if (vector.capability is None) is vector.action.is_about_credential:
            remedy = "state it for actions on credentials, and for nothing else"
            path = ("tests", index, "capability")
            yield Fault(path, f"does not go with {vector.action}", remedy)
