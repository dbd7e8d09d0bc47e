"""What the broker's API answers about reviews (``docs/api.md``), typed. Names are the API's own."""

from datetime import datetime

import msgspec

from broker.client.results import Page


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One packet that is before an owner. ``packet`` is the digest that answers are bound to."""

    id: str
    tenant: str
    owner: str
    state: str
    started_at: datetime
    due_at: datetime
    overdue_at: datetime | None
    packet: str
    agents: int
    answered: int
    header: dict[str, object]


class ReviewPage(Page, frozen=True, kw_only=True):
    """One page of reviews."""

    reviews: tuple[Review, ...]


class ReviewedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent of a packet, what was answered about it, and what came of that."""

    entry: dict[str, object]
    answer: dict[str, object] | None
    effect: dict[str, object] | None


class ReviewedPage(Page, frozen=True, kw_only=True):
    """One page of a packet's agents."""

    agents: tuple[ReviewedAgent, ...]
