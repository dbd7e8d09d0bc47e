"""From a lease, what ended it and how its audience checks, to what may be said of its death."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from broker.model.capability import CheckMode, ResourceServer
from broker.model.lease import LeaseState
from broker.model.receipt import ReceiptState
from broker.receipts import Cause, Receipts
from broker.store.feed_subscribers import Confirmation
from tests.fakes.records import AUDIENCE, NOW_MS, lease

END_MS = NOW_MS + 10_000
CLOSED = Cause(number=7, at_ms=END_MS)
WAITS = Confirmation(ReceiptState.ACCEPTED, "waits")


@dataclass
class Listeners:
    """Says of every event how far it has come, and remembers what it was asked."""

    heard: Confirmation = WAITS
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def confirmation(
        self, bucket: int, n: int, audience: str, at_ms: int, *, staleness_ms: int, strict: bool
    ) -> Confirmation:
        """Answer what was laid ready."""
        self.asked.append((bucket, n, audience, at_ms, staleness_ms, strict))
        return self.heard


def server(check: CheckMode, **changes: Any) -> dict[str, ResourceServer]:
    """Register the audience."""
    return {AUDIENCE: ResourceServer(AUDIENCE, check, frozenset({"*"}), **changes)}


def ended(by: str = "task-ended", **changes: Any) -> Any:
    """Make a lease that has ended."""
    dead = {
        "state": LeaseState.ENDED,
        "is_alive": False,
        "ended_at_ms": END_MS,
        "ended_by": by,
        "end_number": 5,
        "judged_at_ms": END_MS,
    }
    return lease(**{**dead, **changes})


async def test_what_is_alive_has_no_receipt() -> None:
    """There is nothing to tell yet."""
    assert await Receipts(Listeners()).of(lease(), None, {}) is None


@pytest.mark.parametrize("servers", [{}, server(CheckMode.OFFLINE)], ids=["unknown", "offline"])
async def test_nobody_confirms_for_an_offline_server(servers: dict[str, ResourceServer]) -> None:
    """Registered as such, or not at all."""
    listeners = Listeners(Confirmation(ReceiptState.CONFIRMED, ""))

    made = await Receipts(listeners).of(ended(), CLOSED, servers)

    assert made is not None
    assert made.state is ReceiptState.IRREVOCABLE
    assert listeners.asked == []


@pytest.mark.parametrize(
    ("since_ms", "state"),
    [
        (0, ReceiptState.ACCEPTED),
        (2_999, ReceiptState.ACCEPTED),
        (3_000, ReceiptState.CONFIRMED),
        (3_001, ReceiptState.CONFIRMED),
    ],
)
async def test_an_introspecting_server_is_sure_once_its_cache_is_cold(
    since_ms: int, state: ReceiptState
) -> None:
    """A yes from just before the end may be remembered for so long."""
    servers = server(CheckMode.INTROSPECT, cache_ms=3_000)

    made = await Receipts(Listeners()).of(ended(judged_at_ms=END_MS + since_ms), CLOSED, servers)

    assert made is not None
    assert made.state is state


async def test_a_feed_server_is_asked_about_the_event_that_it_was_told() -> None:
    """Of a task's end the task's event, of a single end the lease's own."""
    servers = server(CheckMode.FEED, staleness_ms=4_000, strict=False)
    listeners = Listeners()
    receipts = Receipts(listeners)

    await receipts.of(ended("task-ended"), CLOSED, servers)
    await receipts.of(ended("revoked"), CLOSED, servers)
    await receipts.of(ended("given-back"), None, servers)

    assert listeners.asked == [
        (7, 7, AUDIENCE, END_MS, 4_000, False),
        (7, 5, AUDIENCE, END_MS, 4_000, False),
        (7, 5, AUDIENCE, END_MS, 4_000, False),
    ]


@pytest.mark.parametrize("state", list(ReceiptState))
async def test_a_feed_receipt_says_what_the_subscribers_say(state: ReceiptState) -> None:
    """No more and no less."""
    made = await Receipts(Listeners(Confirmation(state, "so it is"))).of(
        ended(), CLOSED, server(CheckMode.FEED)
    )

    assert made is not None
    assert (made.state, made.detail, made.revoked_at_ms) == (state, "so it is", END_MS)


async def test_what_was_not_confirmed_in_time_has_expired() -> None:
    """Then nobody can use it any more, and nobody need confirm."""
    servers = server(CheckMode.FEED)
    dead = lease().expires_at_ms
    just_before = await Receipts(Listeners()).of(ended(judged_at_ms=dead - 1), CLOSED, servers)
    at = await Receipts(Listeners()).of(ended(judged_at_ms=dead), CLOSED, servers)
    sure = Listeners(Confirmation(ReceiptState.CONFIRMED, ""))
    confirmed = await Receipts(sure).of(ended(judged_at_ms=dead), CLOSED, servers)

    assert [made.state for made in (just_before, at, confirmed) if made] == [
        ReceiptState.ACCEPTED,
        ReceiptState.EXPIRED,
        ReceiptState.CONFIRMED,
    ]


UNSURE = {"is_sure": False, "judged_at_ms": NOW_MS + 10**9}
"""The ledger's clock has run far ahead; by ours it is as late as ``passed_ms``."""


@pytest.mark.parametrize("why", ["expired", "deadline"])
async def test_a_clock_that_may_be_wrong_lets_nothing_die_of_age(why: str) -> None:
    """Perhaps it is alive: there is no receipt."""
    aged = lease(is_alive=False, ended_by=why, passed_ms=NOW_MS + 1, **UNSURE)

    assert await Receipts(Listeners()).of(aged, None, server(CheckMode.FEED)) is None


async def test_what_was_recorded_as_dead_of_age_stays_so() -> None:
    """It was judged while the clocks agreed."""
    aged = ended("expired", passed_ms=NOW_MS + 1, **UNSURE)

    made = await Receipts(Listeners()).of(aged, None, server(CheckMode.FEED))

    assert made is not None
    assert made.state is ReceiptState.EXPIRED


@pytest.mark.parametrize(
    ("passed_ms", "state"),
    [(END_MS + 1_999, ReceiptState.ACCEPTED), (END_MS + 2_000, ReceiptState.CONFIRMED)],
)
async def test_cached_answers_run_out_by_the_clock_that_is_behind(
    passed_ms: int, state: ReceiptState
) -> None:
    """A jump of the ledger's clock empties nobody's cache, and expires nothing."""
    servers = server(CheckMode.INTROSPECT, cache_ms=2_000)

    made = await Receipts(Listeners()).of(ended(passed_ms=passed_ms, **UNSURE), CLOSED, servers)

    assert made is not None
    assert made.state is state


async def test_what_died_of_age_says_when() -> None:
    """Whatever ended its task later."""
    aged = ended("expired", judged_at_ms=NOW_MS + 400_000)

    later = Cause(CLOSED.number, aged.expires_at_ms + 1_000)

    made = await Receipts(Listeners()).of(aged, later, server(CheckMode.INTROSPECT))

    assert made is not None
    assert (made.state, made.revoked_at_ms) == (ReceiptState.EXPIRED, aged.expires_at_ms)


async def test_what_a_cut_killed_is_requested_until_its_record_follows() -> None:
    """Dead by the judge's word; nobody has been told of it by name yet."""
    killed = ended("cut", state=LeaseState.ACTIVE, end_number=0)

    made = await Receipts(Listeners()).of(killed, None, server(CheckMode.FEED))

    assert made is not None
    assert made.state is ReceiptState.REQUESTED
