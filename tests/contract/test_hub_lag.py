"""How late an event was refused is measured at whichever broker hears of it."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from broker.feed.hub import Hub
from broker.store.link import Link
from tests.fakes.hub_stage import Feed, caller

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


async def test_a_broker_that_nobody_listens_to_measures_as_well(link: Link) -> None:
    """It has not read the event, and finds it in the log."""
    async with AsyncExitStack() as stack:
        feed, lags = Feed(link, stack), list[int]()
        near = await feed.hub()
        far = Hub(feed.log, feed.registered, clock=feed.clock, on_acknowledged=lags.append)
        stack.callback(asyncio.create_task(far.run()).cancel)
        listener = await feed.listen(near)
        await feed.happen(1, at=feed.clock.now_ms())
        await listener.hears(1)
        feed.clock.advance(70)

        await far.acknowledge(caller(), "subscriber-1", 1, listener.ticket.joined.epoch)

        assert lags == [70]
