"""When a revocation counts as confirmed, over every way to reach a Redis."""

import pytest

from broker.model.capability import CheckMode, ResourceServer
from broker.model.receipt import ReceiptState
from broker.store.feed_log import FeedLog
from broker.store.feed_subscribers import (
    FORGOTTEN_MS,
    Confirmation,
    Connection,
)
from broker.store.link import Link
from tests.fakes.feed_audience import HOUR_MS, KEYS, LAX, STRICT, Audience, audience_of
from tests.fakes.ledger import FakeLedger

CONFIRMED, ACCEPTED = ReceiptState.CONFIRMED, ReceiptState.ACCEPTED


@pytest.fixture
async def lax(link: Link) -> Audience:
    """Subscribers that go on accepting when they hear nothing."""
    return await audience_of(link, LAX)


@pytest.mark.parametrize("server", [STRICT, LAX], ids=["strict", "lax"])
async def test_every_subscriber_must_have_acknowledged(link: Link, server: ResourceServer) -> None:
    """One that has not is enough to wait, and the detail counts them."""
    audience = await audience_of(link, server)
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
    audience = await audience_of(link, server)
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
