"""When a revocation counts as confirmed, over every way to reach a Redis."""

import asyncio
import json

import pytest

from broker.model.capability import CheckMode, ResourceServer
from broker.model.receipt import ReceiptState
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import FeedLog
from broker.store.feed_subscribers import (
    FORGOTTEN_MS,
    Acknowledged,
    Confirmation,
    Connection,
    FeedSubscribers,
    Joined,
)
from broker.store.link import Link
from tests.fakes.ledger import FAR_MS, FakeLedger, entry_of, lease_id

KEYS = FeedKeys("jit")
HOUR_MS = 3_600_000
STRICT = ResourceServer("https://a", CheckMode.FEED, frozenset({"acme"}), staleness_ms=HOUR_MS)
LAX = ResourceServer("https://b", CheckMode.FEED, frozenset({"acme"}), strict=False)
CONFIRMED, ACCEPTED = ReceiptState.CONFIRMED, ReceiptState.ACCEPTED


class Audience:
    """One audience's subscribers, and one bucket whose entries are all revocations."""

    def __init__(self, log: FeedLog, ledger: FakeLedger, server: ResourceServer) -> None:
        self.log = log
        self.ledger = ledger
        self.server = server
        self.shipped = 0

    @property
    def subscribers(self) -> FeedSubscribers:
        """What is under test."""
        return self.log.subscribers

    async def join(self, name: str, *, after: int = 0, epoch: str = "") -> Joined:
        """Connect a subscriber."""
        connection = Connection(name, "nonce-1")
        joined = await self.subscribers.join(
            self.server, connection, after=after, epoch=epoch, most=9
        )
        assert joined is not None
        return joined

    async def ship(self, **words: object) -> int:
        """Let the next revocation come into the feed; returns its outbox number and seq."""
        self.shipped += 1
        event = {"feed": json.dumps({"jti": lease_id(self.shipped)}), "aud": "*", "exp": FAR_MS}
        await self.log.append(0, [entry_of(0, self.shipped, **{**event, **words})])
        return self.shipped

    async def acknowledge(self, name: str, seq: int, epoch: str = "") -> Acknowledged:
        """Let a subscriber say that it refuses everything up to a seq."""
        return await self.subscribers.acknowledge(self.server.audience, name, seq, epoch=epoch)

    async def confirmation(self, n: int) -> Confirmation:
        """Ask about one revocation."""
        return await self.subscribers.confirmation(
            0,
            n,
            self.server.audience,
            1,
            staleness_ms=self.server.staleness_ms,
            strict=self.server.strict,
        )

    async def state(self, n: int) -> ReceiptState:
        """Ask about one revocation, in a word."""
        return (await self.confirmation(n)).state

    async def age(self, ms: int) -> None:
        """Let the feed have been born, everybody been seen, everything been shipped earlier."""
        for key, rewrite in ((KEYS.meta, _older_meta), (KEYS.seqs, _older_place)):
            await self._rewrite(key, rewrite, ms)
        await self._rewrite(KEYS.subs(self.server.audience), _older_subscriber, ms)

    async def _rewrite(self, key: str, rewrite: object, ms: int) -> None:
        flat = await self.log._link.read("HGETALL", key)  # noqa: SLF001 - time travel for tests
        for field, value in zip(flat[::2], flat[1::2], strict=True):
            changed = rewrite(field, value, ms)  # type: ignore[operator] - one of the three below
            await self.ledger.write(key, "HSET", field, changed)


def _older_meta(field: str, value: str, ms: int) -> str:
    return str(int(value) - ms) if field in {"born", "now"} else value


def _older_place(_field: str, value: str, ms: int) -> str:
    seq, shipped, *rest = value.split(" ")
    return " ".join((seq, str(int(shipped) - ms), *rest))


def _older_subscriber(field: str, value: str, ms: int) -> str:
    if field == ".confirmed":
        return value
    acked, seen, *rest = value.split(" ")
    return " ".join((acked, str(int(seen) - ms), *rest))


@pytest.fixture
async def strict(link: Link) -> Audience:
    """Subscribers that refuse everything when they have heard nothing for an hour."""
    return await _audience(link, STRICT)


@pytest.fixture
async def lax(link: Link) -> Audience:
    """Subscribers that go on accepting when they hear nothing."""
    return await _audience(link, LAX)


async def _audience(link: Link, server: ResourceServer) -> Audience:
    """Make an audience of a feed that was born long ago."""
    audience = Audience(FeedLog(link, "jit"), FakeLedger(link), server)
    await audience.log.position()
    await audience.age(2 * HOUR_MS)
    return audience


@pytest.mark.parametrize("server", [STRICT, LAX], ids=["strict", "lax"])
async def test_every_subscriber_must_have_acknowledged(link: Link, server: ResourceServer) -> None:
    """One that has not is enough to wait, and the detail counts them."""
    audience = await _audience(link, server)
    for name in ("sub-one", "sub-two", "sub-three"):
        await audience.join(name)
    n = await audience.ship()
    details = []

    for name in ("sub-one", "sub-two", "sub-three"):
        details.append(await audience.confirmation(n))
        await audience.acknowledge(name, 1)
    details.append(await audience.confirmation(n))

    assert [it.state for it in details] == [ACCEPTED, ACCEPTED, ACCEPTED, CONFIRMED]
    assert [it.detail for it in details] == [
        f"{count} of 3 subscribers acknowledged" for count in range(4)
    ]


async def test_an_older_acknowledgement_is_not_enough(strict: Audience) -> None:
    """An acknowledgement speaks for what came up to it, not for what came after."""
    await strict.join("sub-one")
    first, second = await strict.ship(), await strict.ship()

    await strict.acknowledge("sub-one", 1)

    assert (await strict.state(first), await strict.state(second)) == (CONFIRMED, ACCEPTED)


async def test_a_late_acknowledgement_takes_nothing_back(strict: Audience) -> None:
    """Acknowledgements may overtake each other on their way."""
    await strict.join("sub-one")
    await strict.ship()
    n = await strict.ship()

    await strict.acknowledge("sub-one", 2)
    await strict.acknowledge("sub-one", 1)

    assert await strict.state(n) is CONFIRMED


async def test_the_strict_bound_confirms_one_ms_after_it_has_passed(strict: Audience) -> None:
    """At the bound a verifier may still accept; beyond it refuses everything it did not hear."""
    await strict.join("sub-one")
    n = await strict.ship()
    bound_at_ms = (await strict.confirmation(n)).bound_at_ms
    states = []
    for now_ms in (bound_at_ms, bound_at_ms + 1):
        await strict.ledger.write(KEYS.meta, "HSET", "now", now_ms)
        states.append(await strict.state(n))

    assert states == [ACCEPTED, CONFIRMED]


async def test_no_bound_confirms_a_server_that_is_not_strict(lax: Audience) -> None:
    """It goes on accepting what it never heard of, so only acknowledgements count."""
    await lax.join("sub-one")
    n = await lax.ship()
    await lax.age(2 * HOUR_MS)

    confirmation = await lax.confirmation(n)

    assert confirmation == Confirmation(ACCEPTED, "0 of 1 subscribers acknowledged", 0)


async def test_a_subscriber_that_went_away_is_waited_for_until_the_bound(strict: Audience) -> None:
    """It may still serve on what it knew; once its bound has passed it refuses everything."""
    await strict.join("sub-gone")
    await strict.age(HOUR_MS - 60_000)
    await strict.join("sub-here")
    n = await strict.ship()
    await strict.acknowledge("sub-here", 1)
    waiting = await strict.confirmation(n)

    await strict.age(120_000)
    await strict.subscribers.pulse(STRICT.audience, [Connection("sub-here", "nonce-1")])

    after = await strict.confirmation(n)
    assert (waiting.state, waiting.detail) == (ACCEPTED, "1 of 2 subscribers acknowledged")
    assert (after.state, after.detail) == (CONFIRMED, "1 of 1 subscribers acknowledged")


async def test_a_lax_subscriber_is_waited_for_a_day(lax: Audience) -> None:
    """Nobody knows whether it is gone, so it counts for long."""
    await lax.join("sub-gone")
    n = await lax.ship()
    await lax.age(FORGOTTEN_MS - 60_000)
    await lax.join("sub-here")
    await lax.acknowledge("sub-here", 1)
    before = await lax.confirmation(n)
    await lax.age(120_000)

    assert before == Confirmation(ACCEPTED, "1 of 2 subscribers acknowledged")
    assert await lax.state(n) is CONFIRMED


@pytest.mark.parametrize("server", [STRICT, LAX], ids=["strict", "lax"])
async def test_nobody_listening_confirms_nothing(link: Link, server: ResourceServer) -> None:
    """Silence is no acknowledgement."""
    audience = await _audience(link, server)
    n = await audience.ship()

    confirmation = await audience.confirmation(n)

    assert (confirmation.state, confirmation.detail) == (ACCEPTED, "no subscriber is connected")


async def test_a_feed_that_was_just_born_waits_for_its_bound(link: Link) -> None:
    """After a loss of data the subscribers that are connected are not known yet."""
    audience = Audience(FeedLog(link, "jit"), FakeLedger(link), STRICT)
    await audience.join("sub-one")
    n = await audience.ship()
    await audience.acknowledge("sub-one", 1)
    young = await audience.state(n)

    await audience.age(HOUR_MS + 60_000)
    await audience.subscribers.pulse(STRICT.audience, [Connection("sub-one", "nonce-1")])

    assert young is ACCEPTED
    assert await audience.state(n) is CONFIRMED


async def test_a_young_feed_says_that_it_is_young(link: Link) -> None:
    """Everybody who is known has acknowledged: the receipt must say what it waits for."""
    audience = Audience(FeedLog(link, "jit"), FakeLedger(link), STRICT)
    await audience.join("sub-one")
    n = await audience.ship()
    await audience.acknowledge("sub-one", 1)

    confirmation = await audience.confirmation(n)

    assert confirmation.state is ACCEPTED
    assert "has just begun" in confirmation.detail


async def test_the_feed_of_a_first_ledger_waits_for_nobody(link: Link) -> None:
    """Nobody can have listened to a former one."""
    log = FeedLog(link, "jit")
    assert await log.found()
    audience = Audience(log, FakeLedger(link), STRICT)
    await audience.join("sub-one")
    n = await audience.ship()
    before = await audience.state(n)

    await audience.acknowledge("sub-one", 1)

    assert (before, await audience.state(n)) == (ACCEPTED, CONFIRMED)


async def test_a_feed_that_is_there_is_not_founded(link: Link) -> None:
    """A broker that runs has begun it: then others may have listened to a former one."""
    log = FeedLog(link, "jit")
    epoch = (await log.position()).epoch

    assert not await log.found()

    assert (await log.position()).epoch == epoch
    audience = Audience(log, FakeLedger(link), STRICT)
    await audience.join("sub-one")
    n = await audience.ship()
    await audience.acknowledge("sub-one", 1)
    assert await audience.state(n) is ACCEPTED


async def test_confirmed_by_everybody_stays_confirmed(strict: Audience) -> None:
    """Neither a newcomer, nor one that starts afresh, nor a longer bound takes it back."""
    await strict.join("sub-one")
    n = await strict.ship()
    await strict.acknowledge("sub-one", 1)
    states = [await strict.state(n)]

    await strict.join("sub-two")
    states.append(await strict.state(n))
    await strict.join("sub-one")
    states.append(await strict.state(n))
    later = await strict.ship()

    assert states == [CONFIRMED] * 3
    assert await strict.confirmation(n) == Confirmation(CONFIRMED, "confirmed before")
    assert (await strict.confirmation(later)).detail == "0 of 2 subscribers acknowledged"


async def test_confirmed_by_the_bound_stays_confirmed(strict: Audience) -> None:
    """Also when the server's declaration is changed to a longer bound, or to none."""
    await strict.join("sub-one")
    n = await strict.ship()
    await strict.age(2 * HOUR_MS)
    assert await strict.state(n) is CONFIRMED

    strict.server = ResourceServer(STRICT.audience, CheckMode.FEED, STRICT.tenants, strict=False)

    assert await strict.state(n) is CONFIRMED


async def test_what_has_expired_needs_nobody(strict: Audience) -> None:
    """Its credentials died of age."""
    await strict.join("sub-one")
    n = await strict.ship(exp=1)

    await strict.log.tidy()

    assert await strict.confirmation(n) == Confirmation(
        CONFIRMED, "everything it concerns has expired"
    )


@pytest.mark.parametrize(
    ("words", "detail"),
    [
        ({"feed": ""}, "the event is none that resource servers are told of"),
        ({"feed": "{"}, "the event cannot be read, so nobody could be told of it"),
        ({"feed": '{"jti": "nobody"}'}, "the event cannot be read, so nobody could be told of it"),
        ({"feed": '{"cut": {}}'}, "the event cannot be read, so nobody could be told of it"),
        ({"feed": "{}"}, "the event cannot be read, so nobody could be told of it"),
        ({"exp": 0}, "the event cannot be read, so nobody could be told of it"),
    ],
)
async def test_what_nobody_could_hear_is_never_confirmed(
    strict: Audience, words: dict[str, object], detail: str
) -> None:
    """Acknowledging a seq does not mean refusing an event that was not in it."""
    await strict.join("sub-one")
    n = await strict.ship(**words)
    await strict.acknowledge("sub-one", 1)
    await strict.age(2 * HOUR_MS)

    confirmation = await strict.confirmation(n)

    assert (confirmation.state, confirmation.detail) == (ACCEPTED, detail)


async def test_what_is_not_in_the_feed_is_not_confirmed(strict: Audience) -> None:
    """However old it is: nobody can have heard it."""
    await strict.join("sub-one")
    await strict.ship()
    await strict.acknowledge("sub-one", 1)

    confirmation = await strict.confirmation(2)

    assert confirmation.state is ACCEPTED
    assert confirmation.detail.startswith("not in the feed yet, ")


async def test_acknowledging_is_for_the_connected_and_for_what_was_said(strict: Audience) -> None:
    """An acknowledgement that nobody can have meant is refused and changes nothing."""
    n = await strict.ship()
    joined = await strict.join("sub-one")

    assert await strict.acknowledge("sub-two", 1) is Acknowledged.UNKNOWN
    assert await strict.acknowledge("sub-one", 2) is Acknowledged.AHEAD
    assert await strict.acknowledge("sub-one", 1, epoch="another") is Acknowledged.STALE
    assert await strict.state(n) is ACCEPTED
    assert await strict.acknowledge("sub-one", 1, epoch=joined.epoch) is Acknowledged.OK


async def test_acknowledgements_of_a_former_epoch_do_not_count(strict: Audience) -> None:
    """Its numbers meant something else: the subscriber has to connect anew."""
    n = await strict.ship()
    joined = await strict.join("sub-one")
    await strict.log.rotate(joined.epoch)

    assert await strict.acknowledge("sub-one", 1) is Acknowledged.STALE
    assert await strict.state(n) is ACCEPTED


async def test_only_the_first_to_notice_begins_an_epoch(strict: Audience) -> None:
    """Two brokers that notice the same loss begin one epoch, not two."""
    seen = (await strict.log.position()).epoch

    first, second = await asyncio.gather(strict.log.rotate(seen), strict.log.rotate(seen))

    assert first == second != seen


async def test_who_resumes_is_taken_at_its_word_within_the_epoch(strict: Audience) -> None:
    """It knows everything up to there; numbers of another epoch say nothing."""
    n = await strict.ship()
    epoch = (await strict.log.position()).epoch
    await strict.join("sub-one", after=1, epoch="another")
    states = [await strict.state(n)]
    await strict.join("sub-one", after=1, epoch=epoch)
    states.append(await strict.state(n))

    assert states == [ACCEPTED, CONFIRMED]


async def test_a_newer_connection_replaces_an_older_one(strict: Audience) -> None:
    """Whichever broker it is at, the older connection hears no more alive messages."""
    old, new = Connection("sub-one", "old"), Connection("sub-one", "new")
    for connection in (old, new):
        await strict.subscribers.join(STRICT, connection, after=0, epoch="", most=1)

    stale = await strict.subscribers.pulse(STRICT.audience, [old])
    fresh = await strict.subscribers.pulse(STRICT.audience, [new])

    assert stale.replaced == {"sub-one"}
    assert fresh.replaced == frozenset()


async def test_an_audience_has_only_so_many_subscribers(strict: Audience) -> None:
    """One more is turned away, but one of them may come again, and one long gone makes room."""
    arguments = {"after": 0, "epoch": "", "most": 2}
    one, two, three = (Connection(f"sub-{name}", "x") for name in ("one", "two", "three"))
    join = strict.subscribers.join
    assert await join(STRICT, one, **arguments)
    assert await join(STRICT, two, **arguments)

    turned_away = await join(STRICT, three, **arguments)
    again = await join(STRICT, two, **arguments)
    await strict.age(2 * HOUR_MS)
    later = await join(STRICT, three, **arguments)

    assert turned_away is None
    assert again is not None
    assert later is not None


async def test_a_pulse_registers_again_who_was_lost(strict: Audience) -> None:
    """After a loss of data the connected are known again at the next beat, and waited for."""
    n = await strict.ship()
    await strict.join("sub-one", after=1, epoch=(await strict.log.position()).epoch)
    await strict.ledger.write(KEYS.subs(STRICT.audience), "DEL")

    pulse = await strict.subscribers.pulse(STRICT.audience, [Connection("sub-one", "nonce-1")])

    assert pulse.replaced == frozenset()
    assert (await strict.confirmation(n)).detail == "0 of 1 subscribers acknowledged"
