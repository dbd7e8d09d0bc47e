"""While the feed's clock and a broker's disagree nothing of it is old, and nobody is kept alive."""

import pytest

from broker.model.receipt import ReceiptState
from broker.store.clock_bounds import ClockBounds
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import Appended, FeedLog
from broker.store.feed_subscribers import Connection
from broker.store.link import Link
from tests.fakes.clock import WrongClock
from tests.fakes.feed_audience import HOUR_MS, STRICT, Audience
from tests.fakes.ledger import FakeLedger, entry_of

META = FeedKeys("jit").meta
SKEW_MS = 5_000
AHEAD_MS = 3 * HOUR_MS
"""By so much the feed's clock runs ahead of the broker's."""

pytestmark = pytest.mark.parametrize("link", ["mux", "fake"], indirect=True)


class Wrong(Audience):
    """An audience whose broker's clock a test shifts, on a feed that was born long ago."""

    def __init__(self, link: Link, clock: WrongClock) -> None:
        bounds = ClockBounds(clock, max_skew_ms=SKEW_MS, late_ms=0)
        super().__init__(FeedLog(link, "jit", bounds=bounds), FakeLedger(link), STRICT)
        self.link = link
        self.clock = clock

    async def jump(self) -> None:
        """Let the feed's clock run ahead of all that it has seen, and of the broker's."""
        await self.age(AHEAD_MS)
        self.clock.shift_ms = -AHEAD_MS

    def heal(self) -> None:
        """Let the clocks agree again, and all that has happened be of the present."""
        self.clock.shift_ms = 0

    async def kept(self) -> str:
        """Read the time that the feed keeps."""
        return str(await self.link.read("HGET", META, "now"))

    async def subscriber(self, name: str) -> str:
        """Read what is noted of a subscriber."""
        key = FeedKeys("jit").subs(STRICT.audience)
        return str(await self.link.read("HGET", key, name))


@pytest.fixture
async def audience(link: Link) -> Wrong:
    """Two subscribers, one of whom has acknowledged the one revocation that was shipped."""
    audience = Wrong(link, WrongClock())
    await audience.log.position()
    await audience.age(2 * HOUR_MS)
    await audience.join("quick-one")
    await audience.join("slow-one")
    await audience.ship(exp=audience.clock.now_ms() + HOUR_MS)
    await audience.acknowledge("quick-one", 1)
    return audience


async def test_no_bound_passes_by_a_clock_that_disagrees(audience: Wrong) -> None:
    """The slow one still accepts the token: it was heard from a moment ago."""
    await audience.jump()

    found = await audience.confirmation(1)

    assert found.state is ReceiptState.ACCEPTED
    assert "disagree" in found.detail


async def test_what_was_confirmed_before_stays_so(audience: Wrong) -> None:
    """A clock that goes wrong takes nothing back."""
    await audience.acknowledge("slow-one", 1)
    assert await audience.state(1) is ReceiptState.CONFIRMED

    await audience.jump()

    assert await audience.state(1) is ReceiptState.CONFIRMED


async def test_nobody_is_forgotten_by_a_clock_that_disagrees(audience: Wrong) -> None:
    """Not when another one connects, and not when somebody asks what is confirmed."""
    await audience.jump()

    await audience.join("third-one")
    await audience.confirmation(1)

    assert (await audience.subscriber("slow-one")).startswith("0 ")
    assert (await audience.subscriber("third-one")).startswith("0 ")


async def test_the_pulse_says_that_the_clock_is_not_sure(audience: Wrong) -> None:
    """And nobody is noted as having heard it: whoever did not hear refuses everything in time."""
    await audience.jump()
    before = await audience.subscriber("slow-one")

    pulse = await audience.subscribers.pulse(STRICT.audience, [Connection("slow-one", "nonce-1")])

    assert not pulse.sure
    assert await audience.subscriber("slow-one") == before


async def test_an_event_in_force_is_not_dropped_by_a_clock_that_disagrees(audience: Wrong) -> None:
    """Whoever connects next must still hear of it; once the clock is right again it may go."""
    audience.clock.shift_ms = -2 * HOUR_MS
    await audience.log.append(0, [entry_of(0, 2, feed='{"jti":"l_00_x"}', aud="*", exp=1)])

    await audience.log.tidy()
    kept = await audience.link.read("ZCARD", FeedKeys("jit").expiry)
    audience.heal()
    await audience.log.tidy()

    assert kept == 2
    assert await audience.link.read("ZCARD", FeedKeys("jit").expiry) == 1


async def test_shipping_goes_on_and_the_jump_is_not_kept(audience: Wrong) -> None:
    """Revocations come into the feed; when the clock is right again, so is the feed, at once."""
    await audience.jump()
    before = await audience.kept()

    shipped = await audience.log.append(0, [entry_of(0, 2)])
    await audience.log.position()
    await audience.join("third-one")

    assert isinstance(shipped, Appended)
    assert await audience.kept() == before
    audience.heal()
    await audience.log.position()
    assert int(await audience.kept()) > int(before)


async def test_what_is_shipped_by_a_clock_ahead_is_dated_by_the_other(audience: Wrong) -> None:
    """Its bound has to pass soon after the clock was set right, not hours later."""
    await audience.jump()

    shipped = await audience.log.append(0, [entry_of(0, 2)])

    assert isinstance(shipped, Appended)
    assert shipped.now_ms <= audience.clock.now_ms() + SKEW_MS
