"""Emergencies as the broker shows them."""

from datetime import datetime

import msgspec

from broker.client.results import Page


class GlassSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wrote; the broker has checked its form and nothing else."""

    reason: str
    incident: str


class GlassReview(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody else has looked at it."""

    is_owed: bool
    is_overdue: bool
    due_at: datetime | None = None
    reviewed_at: datetime | None = None
    reviewed_by: str = ""
    words: str = ""


class BreakGlass(msgspec.Struct, frozen=True, kw_only=True):
    """One emergency. ``digest`` is what somebody else agrees to; ``ends_at`` when it ends."""

    id: str
    state: str
    digest: str
    task: str
    tenant: str
    agent: str
    instance: str
    capability: str
    scopes: tuple[str, ...]
    ttl_seconds: int
    opener: str
    said: GlassSaid
    asked_of: tuple[str, ...]
    voices: tuple[str, ...]
    asked_at: datetime
    confirm_until: datetime
    alarm: tuple[str, ...]
    opened_at: datetime | None = None
    ends_at: datetime | None = None
    credential: str = ""
    ended_at: datetime | None = None
    ended_by: str = ""
    review: GlassReview


class BreakGlassList(Page, frozen=True, kw_only=True):
    """One page of emergencies."""

    break_glass: tuple[BreakGlass, ...]
