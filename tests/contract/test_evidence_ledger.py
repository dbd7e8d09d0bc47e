"""Evidence that is used once: one winner among all brokers, until it has ended (A14, B20, B21)."""

import asyncio
import hashlib
from dataclasses import replace

import pytest

from broker.errors import IdempotencyConflictError, StoreUnavailableError
from broker.ids import IdFactory
from broker.store.control import ControlStore
from broker.store.evidence_ledger import (
    AFTERWARDS_MS,
    CLOCKS_APART_MS,
    EvidenceLedger,
    Lasting,
    Use,
)
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link
from tests.fakes.clock import FakeClock
from tests.fakes.redis_servers import SingleServer

KEYS = Keyspace("jit", 4)
CLOCK = FakeClock()
MINUTE_MS = 60_000
ENDS = CLOCK.now_ms() + 5 * MINUTE_MS
LASTS = Lasting(CLOCK.now_ms(), ENDS)
USE, OTHER = Use("one", "digest"), Use("another", "digest")


def name(number: int = 0) -> str:
    """Name some evidence."""
    return hashlib.sha256(f"evidence {number}".encode()).hexdigest()


EVIDENCE = KEYS.of_evidence(name()).evidence(name())


def ledger_over(link: Link, **limits: int) -> EvidenceLedger:
    """Make a broker's view of it."""
    return EvidenceLedger(link, KEYS, replace(Limits(), **limits), CLOCK)


async def test_evidence_serves_once_at_every_broker(link: Link) -> None:
    """Two brokers over one ledger share what they remember; other evidence is not touched."""
    one, other = ledger_over(link), ledger_over(link)

    assert await one.is_first(name(), LASTS, USE)
    assert not await one.is_first(name(), LASTS, OTHER)
    assert not await other.is_first(name(), LASTS, OTHER)
    assert await other.is_first(name(1), LASTS, OTHER)


async def test_a_repeat_of_the_same_operation_is_no_second_use(link: Link) -> None:
    """Also after another has been refused."""
    one, other = ledger_over(link), ledger_over(link)
    assert await one.is_first(name(), LASTS, USE)
    assert not await other.is_first(name(), LASTS, OTHER)

    assert await other.is_first(name(), LASTS, USE)


async def test_the_same_operation_with_another_request_is_a_conflict(link: Link) -> None:
    """As everywhere that a key is used for two requests."""
    ledger = ledger_over(link)
    assert await ledger.is_first(name(), LASTS, USE)

    with pytest.raises(IdempotencyConflictError):
        await ledger.is_first(name(), LASTS, Use("one", "another digest"))


async def test_of_many_at_once_one_is_first(link: Link) -> None:
    """One atomic script decides (A14)."""
    ledgers = [ledger_over(link) for _ in range(2)]

    answers = await asyncio.gather(
        *(ledgers[n % 2].is_first(name(), LASTS, Use(f"operation-{n}", "")) for n in range(16))
    )

    assert answers.count(True) == 1


async def test_evidence_is_remembered_until_it_has_ended_for_every_broker(link: Link) -> None:
    """And no longer: the key goes by itself."""
    await ledger_over(link).is_first(name(), LASTS, USE)

    left_ms = await link.read("PTTL", EVIDENCE)

    longest = 5 * MINUTE_MS + AFTERWARDS_MS
    assert longest - 2 * MINUTE_MS < left_ms <= longest


async def test_evidence_at_its_very_end_is_remembered_too(link: Link) -> None:
    """A broker whose clock is behind may still take it."""
    ledger = ledger_over(link)
    over = Lasting(0, CLOCK.now_ms() - MINUTE_MS)
    assert await ledger.is_first(name(), over, USE)

    assert not await ledger.is_first(name(), over, OTHER)


async def test_a_repeat_is_known_no_longer_than_its_key(link: Link) -> None:
    """Once the key is forgotten, the same request would be granted a second time."""
    ledger = ledger_over(link, retention_ms=-1)
    assert await ledger.is_first(name(), LASTS, USE)

    assert not await ledger.is_first(name(), LASTS, USE)


async def test_the_keys_are_spread_over_the_buckets(link: Link) -> None:
    """No bucket carries them all, and each is found again by its name."""
    used = {KEYS.of_evidence(name(number)).meta.split("}")[0] for number in range(40)}

    assert len(used) == len(KEYS.buckets)
    assert await link.read("EXISTS", EVIDENCE) == 0


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_when_the_ledger_is_gone_nobody_says_first(single: SingleServer, link: Link) -> None:
    """The evidence is refused, not taken on trust (I5)."""
    ledger = ledger_over(link)
    await ledger.is_first(name(), LASTS, USE)
    single.kill()

    with pytest.raises(StoreUnavailableError):
        await ledger.is_first(name(1), LASTS, USE)


@pytest.mark.parametrize("link", ["mux"], indirect=True)
@pytest.mark.parametrize(
    "garbage",
    [("SET", "x"), ("HSET", "operation", "one"), ("HSET", "operation", "one", "kept", "x")],
)
async def test_what_cannot_be_read_is_refused(link: Link, garbage: tuple[str, ...]) -> None:
    """It says neither used nor unused."""
    command, *words = garbage
    await link.read(command, EVIDENCE, *words)

    with pytest.raises(StoreUnavailableError):
        await ledger_over(link).is_first(name(), LASTS, USE)


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_a_record_of_nobodys_operation_counts_as_used(link: Link) -> None:
    """Nobody can be shown to have been the first."""
    await link.read("HSET", EVIDENCE, "state", "open")

    assert not await ledger_over(link).is_first(name(), LASTS, USE)


WENT_BACK_MS = CLOCK.now_ms() - MINUTE_MS


async def forget(link: Link) -> None:
    """Say everywhere that what was used until an instant may be forgotten."""
    await ControlStore(link, KEYS, IdFactory(4)).forget_uses(WENT_BACK_MS)


@pytest.mark.parametrize(("late_ms", "is_good"), [(-1, False), (0, False), (1, True)])
async def test_evidence_from_before_the_ledger_went_back_may_have_been_used(
    link: Link,
    late_ms: int,
    is_good: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """In every bucket; how far the clocks of two brokers may be apart is added."""
    await forget(link)
    lasts = Lasting(WENT_BACK_MS + CLOCKS_APART_MS + late_ms, ENDS)

    for number in range(10):
        assert await ledger_over(link).is_first(name(number), lasts, USE) is is_good


async def test_what_is_known_of_older_evidence_stays_known(link: Link) -> None:
    """A repeat that the ledger remembers is the same use still; another one is refused as ever."""
    ledger = ledger_over(link)
    lasts = Lasting(WENT_BACK_MS, ENDS)
    assert await ledger.is_first(name(), lasts, USE)
    await forget(link)

    assert await ledger.is_first(name(), lasts, USE)
    assert not await ledger.is_first(name(), lasts, OTHER)


async def test_an_earlier_return_does_not_make_up_for_a_later_one(link: Link) -> None:
    """The latest instant counts, in whichever order they are told."""
    control = ControlStore(link, KEYS, IdFactory(4))
    await forget(link)
    await control.forget_uses(WENT_BACK_MS - MINUTE_MS)
    lasts = Lasting(WENT_BACK_MS + CLOCKS_APART_MS, ENDS)

    assert not await ledger_over(link).is_first(name(), lasts, USE)
