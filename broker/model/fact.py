"""Things and relationships: the governance data that changes all day, as values.

A *thing* is an agent, person, team, ticket, workflow, dataset, tool or resource, with what is said
of it. A *relationship* joins two things and may expire. ``broker.facts.relations`` says what may be
joined by what, ``broker.facts.fields`` what is well-formed.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

NAME_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._/#+@-]{0,127}"
"""What a thing is called in its tenant. Without a colon, which parts kind and name."""

WORD_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""What tenants and sources are called."""

CEILING_PATTERN: Final = WORD_PATTERN + r" [\x21\x23-\x5b\x5d-\x7e]{1,128}"
"""One line of an agent's ceiling: a capability, and a scope of it."""

BUNDLE: Final = "bundle"
"""The source of what the published bundle declares."""


class ThingKind(StrEnum):
    """What a thing is. A tenant is known from ``agents.yaml`` and can only be held."""

    AGENT = "agent"
    PERSON = "person"
    TEAM = "team"
    TICKET = "ticket"
    WORKFLOW = "workflow"
    DATASET = "dataset"
    TOOL = "tool"
    RESOURCE = "resource"
    TENANT = "tenant"

    # The enum's own runs Python code, for each look-up of each thing.
    __hash__ = str.__hash__


class Relation(StrEnum):
    """How one thing stands to another. In Cedar, the subject is ``in`` the object."""

    MEMBER_OF = "member-of"
    PART_OF = "part-of"
    ASSIGNED_TO = "assigned-to"
    CONCERNS = "concerns"
    RUNS = "runs"
    USES = "uses"
    ENTITLED_TO = "entitled-to"
    ACTS_FOR = "acts-for"

    __hash__ = str.__hash__


class Ref(NamedTuple):
    """The one name of a thing. ``str`` gives the form within its tenant: ``ticket:T-1``.

    ``tenant`` is empty for the teams of ``agents.yaml``, which all tenants share.
    """

    kind: ThingKind
    tenant: str
    name: str

    def __str__(self) -> str:
        """Write ``kind:name``; a team that all tenants share is ``team:/name``."""
        shared = "/" if self.kind is ThingKind.TEAM and not self.tenant else ""
        return f"{self.kind.value}:{shared}{self.name}"

    @property
    def cedar_id(self) -> str:
        """The id of its entity. Only names without a tenant of their own are not qualified."""
        if self.kind in _UNQUALIFIED or not self.tenant:
            return self.name
        return f"{self.tenant}/{self.name}"


_UNQUALIFIED: Final = frozenset({ThingKind.AGENT, ThingKind.TENANT})
"""Whose names are each taken once over all tenants."""


def tenant_ref(name: str) -> Ref:
    """Return how a tenant itself is called."""
    return Ref(ThingKind.TENANT, name, name)


def agent_ref(tenant: str, name: str) -> Ref:
    """Return how an agent is called."""
    return Ref(ThingKind.AGENT, tenant, name)


def person_ref(tenant: str, name: str) -> Ref:
    """Return how a person is called."""
    return Ref(ThingKind.PERSON, tenant, name)


def tool_ref(tenant: str, name: str) -> Ref:
    """Return how a tool is called."""
    return Ref(ThingKind.TOOL, tenant, name)


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Somebody said stop: the thing does not stand until somebody lifts this."""

    reason: str
    by: str
    at_ms: int


class Thing(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
):
    """One thing and what is said of it. Which kind has which fields: ``broker.facts.relations``.

    ``source`` declares it ("" = by hand); ``edited``: somebody has changed it by hand since it was
    declared. ``owner`` is ``person:NAME`` or ``team:NAME``; of an agent of the bundle the free text
    of ``agents.yaml``. ``review_by`` is a date of ISO 8601, the last day (UTC) that is in order.
    ``identities`` are ``ISSUER SUBJECT`` pairs, of which the subject may end in ``*``; none means
    that every issuer's word is taken, as the issuer's declaration says. ``quota`` 0 is the default.
    ``origin`` is where a tool comes from (:mod:`broker.tool_origin`).
    ``ceiling`` are ``CAPABILITY SCOPE`` pairs, the most that it may be granted; none: no bound.
    """

    kind: ThingKind
    tenant: str
    name: str
    source: str = ""
    edited: bool = False
    status: str = ""
    owner: str = ""
    purpose: str = ""
    risk: str = ""
    data_class: str = ""
    review_by: str = ""
    identities: tuple[str, ...] = ()
    quota: int = 0
    ceiling: tuple[str, ...] = ()
    origin: str = ""
    hold: Hold | None = None

    @property
    def ref(self) -> Ref:
        """Its name."""
        return Ref(self.kind, self.tenant, self.name)

    def admits(self, issuer: str, subject: str) -> bool:
        """Tell whether an identity may be this agent, or this person."""
        return not self.identities or any(
            _matches(pair, issuer, subject) for pair in self.identities
        )

    def beyond(self, capability: str, scopes: Iterable[str]) -> tuple[str, ...]:
        """Return what its ceiling leaves out of these scopes of a capability, in order."""
        if not self.ceiling:
            return ()
        wanted = (f"{capability} {scope}" for scope in scopes)
        return tuple(sorted(pair for pair in wanted if pair not in self.ceiling))


class RelationshipKey(NamedTuple):
    """What makes two relationships the same one."""

    subject: Ref
    relation: Relation
    object: Ref

    def __str__(self) -> str:
        """Write it in one line, as in the files."""
        return f"{self.subject} {self.relation.value} {self.object}"


class Relationship(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """Two things that have to do with each other, perhaps until an instant.

    ``expires_at_ms`` 0 is never; at that instant it counts no more. ``source`` and ``edited`` as of
    a thing.
    """

    subject: Ref
    relation: Relation
    object: Ref
    expires_at_ms: int = 0
    source: str = ""
    edited: bool = False

    @property
    def key(self) -> RelationshipKey:
        """What makes it this one."""
        return RelationshipKey(self.subject, self.relation, self.object)

    def counts_at(self, now_ms: int) -> bool:
        """Tell whether its time has not passed."""
        return not self.expires_at_ms or now_ms < self.expires_at_ms


def _matches(pair: str, issuer: str, subject: str) -> bool:
    stated_issuer, _, stated = pair.partition(" ")
    if stated_issuer != issuer or not stated:
        return False
    if stated.endswith("*"):
        return subject.startswith(stated[:-1])
    return subject == stated
