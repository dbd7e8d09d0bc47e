"""The registered, as their files state them."""

import re
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from broker.governance.names import (
    OFFLINE_MAX_TTL_SECONDS,
    About,
    Audience,
    CeilingLine,
    IsoDate,
    IssuerName,
    Name,
    Quota,
    Scope,
    Subject,
    TenantOrAll,
    Text,
    TtlSeconds,
)
from broker.governance.reach_record import ReachRecord, reach_faults
from broker.kinds import OWN
from broker.model.capability import BreakGlass, Capability, CheckMode, ResourceServer
from broker.settings.fault import Fault


class Status(StrEnum):
    """Where an agent stands. Only an active one can show who it is."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Risk(StrEnum):
    """What harm an agent could do, as judged by its owner's security people."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class TenantRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant: the border that nothing crosses."""

    name: Name
    quota: Quota | None = None


class TeamRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of agents. Membership may be stated here, at the agent, or both."""

    name: Name
    members: tuple[Name, ...] = ()


class IdentityRecord(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, order=True
):
    """A workload identity that may show an agent's name. A subject that ends in ``*`` is a stem."""

    issuer: IssuerName
    subject: Subject


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent: an identity of its own, with somebody who answers for it.

    ``owner`` is ``person:NAME`` or ``team:NAME``, who then have to stand among the facts, or a
    contact for people. What is unset is not written, so that records which never had it keep their
    canonical text.
    """

    name: Name
    tenant: Name
    owner: Text
    purpose: Text
    status: Status
    teams: tuple[Name, ...] = ()
    risk: Risk | None = None
    quota: Quota | None = None
    review_by: IsoDate | UnsetType = UNSET
    """The last day on which it may act without another review."""
    identities: tuple[IdentityRecord, ...] | UnsetType = UNSET
    """The only workload identities that may show its name; unset: whatever its issuers say."""
    ceiling: tuple[CeilingLine, ...] | UnsetType = UNSET
    """The most that it may be granted, whatever its tasks and policies say; unset: no bound."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if self.owner.startswith(OWNER_KINDS) and _OWNER.fullmatch(self.owner) is None:
            yield Fault(("owner",), "no name after the colon", "write person:NAME or team:NAME")
        if self.review_by is not UNSET and not _is_a_day(self.review_by):
            yield Fault(("review_by",), "no day of the calendar", "write a date as 2026-12-31")
        if self.identities is not UNSET and not self.identities:
            yield Fault(
                ("identities",), "empty, so nobody could show its name", "name one, or remove it"
            )
        if self.ceiling is not UNSET and not self.ceiling:
            yield Fault(
                ("ceiling",), "empty, so it could be granted nothing", "suspend it, or remove this"
            )


OWNER_KINDS: Final = ("person:", "team:")
"""What an owner begins with who is a thing among the facts."""

_OWNER: Final = re.compile(r"(?:person:|team:/?)[A-Za-z0-9][A-Za-z0-9._/#+@-]{0,127}", re.ASCII)


def _is_a_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class OrchestratorRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who opens tasks, and in which tenants."""

    name: Name
    tenants: tuple[Name, ...]


class OperatorRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who looks and pulls the plug, and in which tenants."""

    name: Name
    tenants: tuple[TenantOrAll, ...]


class AgentsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``agents.yaml``."""

    tenants: tuple[TenantRecord, ...]
    agents: tuple[AgentRecord, ...]
    teams: tuple[TeamRecord, ...] = ()
    orchestrators: tuple[OrchestratorRecord, ...] = ()
    operators: tuple[OperatorRecord, ...] = ()


class BreakGlassRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That a capability may be had in an emergency: by two people, for an hour at most."""

    max_ttl_seconds: Annotated[int, Meta(ge=1, le=3_600)]
    scopes: tuple[Scope, ...]
    alarm: Literal["required", "best-effort"] = "required"
    """Whether it opens when nobody could be told."""
    review_within_seconds: Annotated[int, Meta(ge=60, le=1_209_600)] = 259_200
    """How soon somebody else has to look at it. Default three days."""

    def break_glass(self) -> BreakGlass:
        """Return it in the broker's words."""
        return BreakGlass(
            max_ttl_ms=self.max_ttl_seconds * 1000,
            scopes=frozenset(self.scopes),
            needs_alarm=self.alarm == "required",
            review_ms=self.review_within_seconds * 1000,
        )


class CapabilityRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be asked for, and its ceilings."""

    name: Name
    backend: Name
    audience: Audience
    scopes: tuple[Scope, ...]
    tenants: tuple[Name, ...]
    max_ttl_seconds: TtlSeconds
    default_ttl_seconds: TtlSeconds
    data_class: Name | None = None
    renewable: bool = True
    target: Name | UnsetType = UNSET
    """Where it lives. Unset for our own tokens, whose records then read as they always did."""
    template: dict[str, Any] | UnsetType = UNSET
    break_glass: BreakGlassRecord | UnsetType = UNSET
    """That people may have it in an emergency, against policy's word about the agent."""
    about: About | UnsetType = UNSET
    """The thing that it gives access to, for policies: looked up in the asking task's tenant."""
    reach: tuple[ReachRecord, ...] | UnsetType = UNSET
    """What its credentials are for, as the injecting proxy checks it; unset: as routes say."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if self.default_ttl_seconds > self.max_ttl_seconds:
            yield Fault(
                ("default_ttl_seconds",), "above max_ttl_seconds", "write at most max_ttl_seconds"
            )
        for name, stated in (("scopes", self.scopes), ("tenants", self.tenants)):
            if not stated:
                yield Fault((name,), "empty, so nobody could use it", "name at least one")
        yield from self._target_faults()
        if self.reach is not UNSET:
            found = reach_faults(self.reach, scopes=self.scopes, backend=self.backend)
            yield from (fault.under("reach") for fault in found)
        if self.break_glass is not UNSET:
            yield from (f.under("break_glass") for f in self._glass_faults(self.break_glass))

    def _glass_faults(self, stated: BreakGlassRecord) -> Iterator[Fault]:
        if stated.max_ttl_seconds > self.max_ttl_seconds:
            remedy = "write at most max_ttl_seconds of the capability"
            yield Fault(("max_ttl_seconds",), "longer than what it is for at most", remedy)
        if not stated.scopes:
            yield Fault(("scopes",), "empty, so nobody could use it", "name at least one")
        for index, scope in enumerate(stated.scopes):
            if scope not in self.scopes:
                yield Fault(("scopes", index), f"{scope} is no scope of it", "name one of scopes")

    def _target_faults(self) -> Iterator[Fault]:
        if self.backend != OWN and not self.target_name:
            yield Fault(("target",), f"missing: where does {self.backend} mint?", "name a target")
        for name, stated in (("target", self.target), ("template", self.template)):
            if self.backend == OWN and stated is not UNSET:
                yield Fault((name,), "our own tokens have none", "remove it")

    @property
    def target_name(self) -> str:
        """The target, empty for our own tokens."""
        return "" if self.target is UNSET else self.target

    def capability(self) -> Capability:
        """Return it in the broker's words."""
        return Capability(
            name=self.name,
            backend=self.backend,
            audience=self.audience,
            scopes=frozenset(self.scopes),
            max_ttl_ms=self.max_ttl_seconds * 1000,
            default_ttl_ms=self.default_ttl_seconds * 1000,
            tenants=frozenset(self.tenants),
            data_class=self.data_class or "",
            renewable=self.renewable,
            target=self.target_name,
            template=_written(self.template),
            about="" if self.about is UNSET else self.about,
            break_glass=None if self.break_glass is UNSET else self.break_glass.break_glass(),
            reach=self.reach,
        )


def _written(template: dict[str, Any] | UnsetType) -> str:
    return "" if template is UNSET else msgspec.json.encode(template, order="sorted").decode()


class CapabilitiesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``capabilities.yaml``."""

    capabilities: tuple[CapabilityRecord, ...]
    offline_max_ttl_seconds: TtlSeconds = OFFLINE_MAX_TTL_SECONDS


class ResourceServerRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who accepts our tokens, and how it learns that one is dead."""

    audience: Audience
    check: CheckMode
    tenants: tuple[TenantOrAll, ...]
    staleness_ms: int = 5_000
    cache_ms: int = 0
    strict: bool = True

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if self.staleness_ms < 1:
            yield Fault(
                ("staleness_ms",), "no bound at all", "write how stale a feed may be, in ms"
            )
        if self.cache_ms < 0:
            yield Fault(("cache_ms",), "negative", "write 0 for no cache")
        if self.cache_ms and self.check is not CheckMode.INTROSPECT:
            yield Fault(("cache_ms",), "only what is introspected is cached", "remove it")

    def resource_server(self) -> ResourceServer:
        """Return it in the broker's words."""
        return ResourceServer(
            audience=self.audience,
            check=self.check,
            tenants=frozenset(self.tenants),
            staleness_ms=self.staleness_ms,
            cache_ms=self.cache_ms,
            strict=self.strict,
        )


class ResourceServersFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``resource_servers.yaml``."""

    resource_servers: tuple[ResourceServerRecord, ...]
