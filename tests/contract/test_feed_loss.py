"""What an operator wrote off was heard by nobody, and no receipt says otherwise."""

import pytest

from broker.model.receipt import ReceiptState
from broker.store.feed_log import FeedLog
from broker.store.link import Link
from tests.fakes.feed_audience import HOUR_MS, STRICT, Audience
from tests.fakes.ledger import FakeLedger, entry_of


@pytest.fixture
async def audience(link: Link) -> Audience:
    """An audience of a feed that was born long ago."""
    audience = Audience(FeedLog(link, "jit"), FakeLedger(link), STRICT)
    await audience.log.position()
    await audience.age(2 * HOUR_MS)
    return audience


async def test_what_was_lost_before_the_feed_is_never_confirmed(audience: Audience) -> None:
    """An operator accepted the loss: its number is behind, and yet nobody was told of it."""
    await audience.join("sub-one")
    await audience.ship()
    await audience.log.accept_loss(0, 4)
    await audience.log.append(0, [entry_of(0, 4)])
    await audience.age(2 * HOUR_MS)

    found = [await audience.confirmation(n) for n in (2, 3)]

    assert {one.state for one in found} == {ReceiptState.ACCEPTED}
    assert "lost" in found[0].detail
    assert await audience.state(1) is ReceiptState.CONFIRMED
