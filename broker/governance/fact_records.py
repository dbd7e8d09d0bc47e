"""The records of a file of facts."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from broker.errors import InvalidRequestError
from broker.facts.fields import source_faults, thing_faults
from broker.facts.text_form import parse_relationship, relationship_of
from broker.governance.names import Name, Quota, Text
from broker.governance.records import Risk
from broker.model.fact import NAME_PATTERN, Relationship, Thing, ThingKind
from broker.settings.fault import Fault

ThingName = Annotated[
    str,
    Meta(
        pattern=rf"\A{NAME_PATTERN}\Z",
        description="1 to 128 of A-Z a-z 0-9 . _ - / # + @, the first a letter or digit",
    ),
]


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing, as it is written. Its tenant is the file's."""

    name: ThingName

    def kind(self) -> ThingKind:
        """Return what it is."""
        return _KINDS[type(self)]

    def thing(self, tenant: str) -> Thing:
        """Return it in the broker's words."""
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        words = {name: _plain(value) for name, value in said.items() if value is not None}
        return Thing(kind=self.kind(), tenant=tenant, **words)

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong, whatever else is known."""
        for field, message, remedy in thing_faults(self.thing("any")):
            yield Fault((field.removeprefix("thing.").partition("[")[0],), message, remedy)


class PersonEntry(_Entry, frozen=True, kw_only=True):
    """Somebody who owns, is entitled and is acted for."""

    status: Literal["active", "gone"] = "active"
    identities: tuple[str, ...] = ()


class TeamEntry(_Entry, frozen=True, kw_only=True):
    """A group of agents and people in one tenant."""

    owner: Text | None = None
    purpose: Text | None = None


class TicketEntry(TeamEntry, frozen=True, kw_only=True):
    """Work that is to be done."""

    status: Literal["open", "closed"] = "open"


class WorkflowEntry(TeamEntry, frozen=True, kw_only=True):
    """A way of working, which uses tools and data."""

    status: Literal["active", "retired"] = "active"


class TargetEntry(WorkflowEntry, frozen=True, kw_only=True):
    """A dataset, tool or resource."""

    data_class: Name | None = None


class DatasetEntry(TargetEntry, frozen=True, kw_only=True):
    """Data."""


class ToolEntry(TargetEntry, frozen=True, kw_only=True):
    """Something that can be called, and where it comes from."""

    origin: Text | None = None


class ResourceEntry(TargetEntry, frozen=True, kw_only=True):
    """Anything else that access is given to."""


class AgentEntry(_Entry, frozen=True, kw_only=True):
    """An agent that is not in ``agents.yaml``."""

    owner: Text
    purpose: Text
    status: Literal["active", "suspended", "retired"]
    risk: Risk | None = None
    data_class: Name | None = None
    review_by: str | None = None
    identities: tuple[str, ...] = ()
    quota: Quota | None = None
    ceiling: tuple[str, ...] = ()


class RelationshipEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A relationship in its long form."""

    subject: str
    relation: str
    object: str
    expires: str = ""


class FactsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of facts: all that a source says of a tenant, or a part of it."""

    source: Name
    tenant: Name
    people: tuple[PersonEntry, ...] = ()
    teams: tuple[TeamEntry, ...] = ()
    tickets: tuple[TicketEntry, ...] = ()
    workflows: tuple[WorkflowEntry, ...] = ()
    datasets: tuple[DatasetEntry, ...] = ()
    tools: tuple[ToolEntry, ...] = ()
    resources: tuple[ResourceEntry, ...] = ()
    agents: tuple[AgentEntry, ...] = ()
    relationships: tuple[str | RelationshipEntry, ...] = ()

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        for field, message, remedy in source_faults(self.source):
            yield Fault((field,), message, remedy)
        for index, entry in enumerate(self.relationships):
            yield from (f.under("relationships", index) for f in _form_faults(entry, self.tenant))


def _plain(value: object) -> Any:  # noqa: ANN401  # a field's own type, which msgspec has judged
    return value.value if isinstance(value, StrEnum) else value


_SHARED: Final = "begins at what all tenants share, which no file of one tenant may relate"

SECTIONS: Final = (
    "people",
    "teams",
    "tickets",
    "workflows",
    "datasets",
    "tools",
    "resources",
    "agents",
)
"""The sections of things."""

_KINDS: Final[Mapping[type[_Entry], ThingKind]] = MappingProxyType(
    {
        PersonEntry: ThingKind.PERSON,
        TeamEntry: ThingKind.TEAM,
        TicketEntry: ThingKind.TICKET,
        WorkflowEntry: ThingKind.WORKFLOW,
        DatasetEntry: ThingKind.DATASET,
        ToolEntry: ThingKind.TOOL,
        ResourceEntry: ThingKind.RESOURCE,
        AgentEntry: ThingKind.AGENT,
    }
)


def entry_relationship(entry: "str | RelationshipEntry", tenant: str) -> Relationship:
    """Read a relationship in its short or its long form.

    Raises:
        InvalidRequestError: it is not of the form.
    """
    if isinstance(entry, str):
        return parse_relationship(entry, tenant)
    return relationship_of(entry.subject, entry.relation, entry.object, entry.expires, tenant)


def _form_faults(entry: str | RelationshipEntry, tenant: str) -> Iterator[Fault]:
    try:
        if not entry_relationship(entry, tenant).subject.tenant:
            yield Fault((), _SHARED, "put a team into your tenant, and relate that")
    except InvalidRequestError as error:
        message, _, remedy = str(error).partition(": ")
        member = error.field.partition(".")[2]
        is_long = member and isinstance(entry, RelationshipEntry)
        said = message if is_long or not member else f"{member} {message}"
        yield Fault((member,) if is_long else (), said, remedy)
