"""The bodies that change facts, as shapes. What they cannot say is judged when they are parsed."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from broker.facts.fields import MAX_CEILING
from broker.http.wire import MAX_REFERENCES, Body, Origin, Reason, Url, Word
from broker.model.fact import CEILING_PATTERN

MAX_CHANGES = 10_000
"""Changes in one call; more are imported beside the ledger, all or nothing as well."""

MAX_BYTES = 4 * 1024 * 1024
"""Of a body that changes facts: ten thousand changes of four hundred bytes."""

MAX_REF = 145
"""``KIND:`` and a name of 128 characters."""

Ref = Annotated[str, Meta(min_length=1, max_length=MAX_REF)]
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Revision = Annotated[int, Meta(ge=0, le=2**53)]
CeilingLine = Annotated[str, Meta(pattern=rf"\A{CEILING_PATTERN}\Z")]
Line = Annotated[str, Meta(min_length=1, max_length=200)]


class IdentityBody(Body):
    """A workload that may say it is an agent."""

    issuer: Url
    subject: Annotated[str, Meta(min_length=1, max_length=512)]


class ThingBody(Body):
    """A thing as it shall be; what is left away it has not."""

    ref: Ref
    status: Word | UnsetType = UNSET
    owner: Ref | UnsetType = UNSET
    purpose: Line | UnsetType = UNSET
    risk: Word | UnsetType = UNSET
    data_class: Word | UnsetType = UNSET
    review_by: Word | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET
    identities: Annotated[list[IdentityBody], Meta(max_length=MAX_REFERENCES)] | UnsetType = UNSET
    quota: Annotated[int, Meta(ge=1, le=1_000_000_000)] | UnsetType = UNSET
    ceiling: Annotated[list[CeilingLine], Meta(max_length=MAX_CEILING)] | UnsetType = UNSET


class RelationshipBody(Body):
    """That one thing stands to another as the relation says."""

    subject: Ref
    relation: Word
    object: Ref
    expires_at: Word | UnsetType = UNSET


class ChangeBody(Body):
    """One change: ``op`` says which of the other members it has."""

    op: Literal["put", "drop", "relate", "unrelate", "hold", "lift"]
    tenant: Word
    thing: ThingBody | UnsetType = UNSET
    ref: Ref | UnsetType = UNSET
    cascade: bool = False
    relationship: RelationshipBody | UnsetType = UNSET


class ChangeSetBody(Body):
    """``POST /v1/facts/changes``."""

    reason: Reason
    changes: Annotated[list[ChangeBody], Meta(min_length=1, max_length=MAX_CHANGES)]
    source: Word | UnsetType = UNSET
    base: Revision | UnsetType = UNSET
    dry_run: bool = False
    accept: Digest | UnsetType = UNSET


class RollBackBody(Body):
    """``POST /v1/facts/history/{revision}/rollback``."""

    reason: Reason
    base: Revision | UnsetType = UNSET
    dry_run: bool = False
    accept: Digest | UnsetType = UNSET
