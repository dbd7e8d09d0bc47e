"""Fixtures of the feed that several files of contracts share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from broker.store.link import Link
from tests.fakes.feed_audience import STRICT, Audience, audience_of
from tests.fakes.hub_stage import Feed


@pytest.fixture
async def feed(link: Link) -> AsyncIterator[Feed]:
    """A feed in which nothing has happened."""
    async with AsyncExitStack() as stack:
        yield Feed(link, stack)


@pytest.fixture
async def strict(link: Link) -> Audience:
    """Subscribers that refuse everything when they have heard nothing for an hour."""
    return await audience_of(link, STRICT)
